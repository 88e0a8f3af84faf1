"""Files to Scans and Masks, and back."""

from .images import files_of, output_format, read, save, save_array
from .masks import belonging, mask_for, read_mask, renumbered, save_mask, to_grid

__all__ = [
    "belonging",
    "files_of",
    "mask_for",
    "output_format",
    "read",
    "read_mask",
    "renumbered",
    "save",
    "save_array",
    "save_mask",
    "to_grid",
]
