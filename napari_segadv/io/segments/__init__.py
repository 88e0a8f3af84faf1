"""Segmentations: named structures in files that hold no image, read as masks and written."""
