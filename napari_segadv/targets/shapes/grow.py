"""A structure with a margin around it."""

from typing import Annotated

import numpy as np
from scipy import ndimage

from ...common.parameters import Param
from ...data.scan import Mask
from ...errors import SegadvError
from ..structure import EXACT, Label, Millimetres, around, painted, structure


def grow(
    mask: Mask,
    label: Label,
    mm: Millimetres = 5.0,
    cover: Annotated[bool, Param("Grow over other structures too")] = False,
) -> Mask:
    """Adds to a structure every pixel whose centre is within some mm of one of its own.

    Args:
        mask: the label map to start from.
        label: the structure.
        mm: how far, the same in every direction of the patient.
        cover: whether other structures are painted over; else it grows into background alone.

    Raises:
        SegadvError: where the mask does not hold the label, or nothing is gained.
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
            f"grow: class {label} has no background beside it; let it cover other structures"
        )
    new = np.zeros_like(old)
    new[box] = free
    return mask.with_array(painted(mask.array.copy(), new, label))
