"""A structure painted on some slices, completed on the slices between them."""

from itertools import pairwise

import numpy as np
import SimpleITK as sitk

from ...data.scan import Mask
from ...errors import SegadvError
from ..structure import Bool, Float, Label, relabel, structure

VOLUMES_ONLY = True


def fill(mask: Mask, label: Label) -> Mask:
    """Fill the gaps between painted slices, by interpolating signed distances (Raya 1990).

    Only background is painted over: no other label is erased, nor is the label itself.

    Args:
        mask: a volume with the label on at least two slices.
        label: the structure.

    Raises:
        SegadvError: if the mask is 2-D, or the label has no gap between two slices.
    """
    if mask.grid.ndim != 3:
        raise SegadvError("fill: needs a volume, but this mask is 2-D; use another shape")
    pixels = structure(mask, label)
    painted_on = np.flatnonzero(pixels.any(axis=(1, 2))).tolist()
    gaps = [(a, b) for a, b in pairwise(painted_on) if b > a + 1]
    if not gaps:
        raise SegadvError(
            f"fill: class {label} has no gap to fill; paint it on slices that are not adjacent"
        )
    new = np.zeros_like(pixels)
    spacing = mask.grid.spacing[1:]
    for first, last in gaps:
        near, far = (signed_distance(pixels[z], spacing) for z in (first, last))
        for z in range(first + 1, last):
            share = (z - first) / (last - first)
            new[z] = (1 - share) * near + share * far <= 0
    return mask.with_array(relabel(mask.array.copy(), new & (mask.array == 0), label))


def signed_distance(pixels: Bool, spacing: tuple[float, ...]) -> Float:
    """Return the distance in mm to the outline, negative inside."""
    image = sitk.GetImageFromArray(pixels.astype(np.uint8))
    image.SetSpacing(tuple(reversed(spacing)))
    distance = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    array: Float = sitk.GetArrayFromImage(distance).astype(np.float64)
    return array
