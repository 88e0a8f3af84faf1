"""A structure without its rim."""

import numpy as np
from scipy import ndimage

from ...data.scan import Mask
from ...errors import SegadvError
from ..structure import EXACT, GivenUp, Label, Millimetres, around, drawn, structure


def shrink(mask: Mask, label: Label, mm: Millimetres = 5.0, to: GivenUp = 0) -> Mask:
    """Takes from a structure every pixel whose centre is within some mm of one outside.

    Where the image ends the structure is taken to go on.

    Args:
        mask: the label map to start from.
        label: the structure.
        mm: how far, the same in every direction of the patient.
        to: what it gives up becomes; None: the class around it, for a cup inside its disc.

    Raises:
        SegadvError: where the mask does not hold the label, nothing is lost, or nothing is left.
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
        raise SegadvError(f"shrink: class {label} has no outline in the image")
    return drawn(mask, old, new, label, to)
