"""Measures of a result: agreement of label maps, distance of images, visibility, reading tests."""

from .images import SSIM_WINDOW, displayed, distances, slice_ssim, visibility
from .labels import TARGET_FIGURES, Overlap, away, moved_and_kept, overlaps

__all__ = [
    "SSIM_WINDOW",
    "TARGET_FIGURES",
    "Overlap",
    "away",
    "displayed",
    "distances",
    "moved_and_kept",
    "overlaps",
    "slice_ssim",
    "visibility",
]
