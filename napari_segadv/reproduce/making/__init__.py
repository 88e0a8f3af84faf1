"""What makes the cells of one table alone: a file here is part of the keys of its own cells."""
