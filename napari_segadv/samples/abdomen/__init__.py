"""The parts of the abdominal CT phantom."""
