"""DICOM out: an image as a series derived from its source, and label maps as segmentations."""
