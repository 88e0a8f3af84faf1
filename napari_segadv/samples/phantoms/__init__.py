"""A module for each kind of phantom, with NAME, TITLE, CLASSES, UNITS, SPACING and draw()."""
