"""The panel Compare: clean and adversarial image by blinking, side by side, swiping, difference."""
