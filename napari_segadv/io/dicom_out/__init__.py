"""DICOM out: an image as a series derived from its source, and label maps as segmentations."""

from .segmentation import write_seg
from .series import DESCRIPTION, Written, write_series
from .sources import why_not

__all__ = ["DESCRIPTION", "Written", "why_not", "write_seg", "write_series"]
