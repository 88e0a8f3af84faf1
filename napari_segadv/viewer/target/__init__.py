"""The panel Target designer: changes a label map into what the victim is to predict."""
