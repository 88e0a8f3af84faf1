"""Between napari's layers and data: scans, masks, predictions and examples, and their places."""

from .convert import image_tuple, mask_of, mask_tuple, scan_of

__all__ = ["image_tuple", "mask_of", "mask_tuple", "scan_of"]
