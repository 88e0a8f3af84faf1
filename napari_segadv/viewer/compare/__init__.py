"""Comparing clean and adversarial as images are compared in a reading room, without a panel."""
