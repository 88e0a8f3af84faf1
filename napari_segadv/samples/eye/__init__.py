"""The parts of the fundus phantom."""
