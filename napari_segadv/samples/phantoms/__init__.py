"""One kind of phantom a module: NAME, TITLE, CLASSES, UNITS, SPACING and draw()."""
