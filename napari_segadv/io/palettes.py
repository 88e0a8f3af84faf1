"""Palettes of masks: whether the order of the colours agrees with the class numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SegadvError


def check_palette(
    indices: npt.NDArray[Any], table: npt.NDArray[Any], path: Path
) -> tuple[str, ...]:
    """Check that what a palette shows does not contradict its indices, which are the classes.

    Programs that make pictures smaller number the colours anew: what is shown black is then not 0.

    Args:
        indices: of the pixels.
        table: the colours (N, 3); those behind its end are black.
        path: the file, for messages.

    Returns:
        Notes on indices that are shown in another way than expected.

    Raises:
        SegadvError: if it is of greys in another order.
    """
    used = np.unique(indices)
    whole = np.zeros((max(int(used.max(initial=0)) + 1, len(table)), 3), np.int64)
    whole[: len(table)] = table
    shown = whole[used]
    grey = bool((shown == shown[:, :1]).all())
    if grey and (np.diff(shown[:, 0]) < 0).any():
        raise SegadvError(
            f"{path}: its palette shows its numbers in another order of greys, so it is unclear "
            "which are the class numbers; save them as grey values without a palette"
        )
    black = used[(shown == 0).all(axis=1)]
    if not grey and used[0] == 0 and len(black) and black[0] != 0:
        return (
            f"Its palette shows {black[0]} in black, and 0 in a colour: the class numbers are its "
            "indices, so 0 is the background.",
        )
    return ()
