"""A structure without its rim."""

import numpy as np
from scipy import ndimage

from ...data.scan import Mask
from ...errors import SegadvError
from ..structure import EXACT, GivenUp, Label, Millimetres, around, redraw, structure


def shrink(mask: Mask, label: Label, mm: Millimetres = 5.0, to: GivenUp = 0) -> Mask:
    """Remove from a structure every pixel whose centre is within `mm` of that of one outside.

    The structure is assumed to continue beyond the edges of the image.

    Args:
        mask: the label map to start from.
        label: the structure.
        mm: distance in mm, the same in every direction of the patient.
        to: class of the pixels that it leaves; None: the class around it, as for a cup in its disc.

    Raises:
        SegadvError: if the mask does not have the label, no pixel is removed, or none is left.
    """
    old = structure(mask, label)
    spacing = mask.grid.spacing
    if mm + EXACT < min(spacing):
        raise SegadvError(f"shrink by {mm:g} mm: a pixel is {min(spacing):g} mm; shrink by more")
    new = old.copy()
    box = around(old, 1)
    if not old[box].all():
        new[box] = ndimage.distance_transform_edt(old[box], sampling=spacing) > mm + EXACT
    if not new.any():
        raise SegadvError(f"shrink by {mm:g} mm: nothing of class {label} is left; shrink by less")
    if np.array_equal(new, old):
        raise SegadvError(f"shrink: class {label} has no outline in the image; use another class")
    return redraw(mask, old, new, label, to)
