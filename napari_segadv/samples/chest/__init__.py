"""The parts of the chest X-ray phantom."""
