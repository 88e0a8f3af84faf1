"""DICOM: which files of a folder make an image, its pixels, geometry and presentation."""
