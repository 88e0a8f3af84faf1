"""A structure with a margin around it."""

from typing import Annotated

import numpy as np
from scipy import ndimage

from ...common.parameters import Param
from ...data.scan import Mask
from ...errors import SegadvError
from ..structure import EXACT, Label, Millimetres, around, relabel, structure


def grow(
    mask: Mask,
    label: Label,
    mm: Millimetres = 5.0,
    cover: Annotated[bool, Param("Grow over other structures too")] = False,
) -> Mask:
    """Add to a structure every pixel whose centre is within `mm` of that of one of its pixels.

    Args:
        mask: the label map to start from.
        label: the structure.
        mm: distance in mm, the same in every direction of the patient.
        cover: whether it grows over other structures too, or only over background.

    Raises:
        SegadvError: if the mask does not have the label, or the structure does not grow.
    """
    old = structure(mask, label)
    spacing = mask.grid.spacing
    if mm + EXACT < min(spacing):
        raise SegadvError(f"grow by {mm:g} mm: a pixel is {min(spacing):g} mm; grow by more")
    box = around(old, tuple(int(mm / step) + 1 for step in spacing))
    near = ndimage.distance_transform_edt(~old[box], sampling=spacing) <= mm + EXACT
    free = near if cover else near & (mask.array[box] == 0)
    if not (free & ~old[box]).any():
        raise SegadvError(
            f"grow: class {label} has no background next to it; let it cover other structures"
        )
    new = np.zeros_like(old)
    new[box] = free
    return mask.with_array(relabel(mask.array.copy(), new, label))
