"""A structure moved to another place."""

from typing import Annotated

import numpy as np

from ...common.parameters import Param
from ...data.scan import Mask
from ...errors import SegadvError
from ..structure import GivenUp, Label, redraw, structure


def shift(
    mask: Mask,
    label: Label,
    shift: Annotated[
        tuple[float, ...], Param("Pixels to move: slices, rows, columns (2-D: rows, columns)")
    ] = (0, 0, 0),
    to: GivenUp = 0,
) -> Mask:
    """Move a structure by whole pixels.

    It covers other structures at its new place.

    Args:
        mask: the label map to start from.
        label: the structure.
        shift: pixels along each axis, in array order; for a 2-D mask, a leading 0 is allowed.
        to: class of the pixels that it leaves; None: the class around it, as for a cup in its disc.

    Raises:
        SegadvError: if the mask does not have the label, `shift` has the wrong length, or the
            structure leaves the image.
    """
    ndim = mask.grid.ndim
    moves = [round(step) for step in shift]
    if len(moves) == ndim + 1 and moves[0] == 0:
        moves = moves[1:]
    if len(moves) != ndim:
        axes = "slices, rows, columns" if ndim == 3 else "rows, columns"
        raise SegadvError(f"shift {','.join(map(str, shift))}: give {ndim} numbers ({axes})")
    old = structure(mask, label)
    new = np.zeros_like(old)
    source = tuple(slice(max(-m, 0), n - max(m, 0)) for m, n in zip(moves, old.shape, strict=True))
    there = tuple(slice(max(m, 0), n - max(-m, 0)) for m, n in zip(moves, old.shape, strict=True))
    if all(abs(m) < n for m, n in zip(moves, old.shape, strict=True)):
        new[there] = old[source]
    if not new.any():
        raise SegadvError(
            f"shift {','.join(map(str, moves))}: moves class {label} out of the image; "
            "shift it by less"
        )
    return redraw(mask, old, new, label, to)
