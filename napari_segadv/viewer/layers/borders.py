"""The borders between the labels of a plane, as straight lines along the edges of its pixels."""

import numpy as np

from ...data.scan import Array


def borders(plane: Array) -> Array:
    """Return the borders of a label map as lines (N, 2, 2): start and end, each (row, column).

    Whole coordinates are the centres of pixels. Outside the plane is background, so structures
    that reach its edge are closed there.

    Examples:
        >>> import numpy as np
        >>> top, bottom, left, right = borders(np.array([[0, 2, 2]])).tolist()
        >>> top, right
        ([[-0.5, 0.5], [-0.5, 2.5]], [[-0.5, 2.5], [0.5, 2.5]])
    """
    padded = np.pad(np.asarray(plane), 1)
    along_rows, along_columns = _lines(padded), _lines(padded.T)[..., ::-1]
    return np.concatenate([along_rows, along_columns])


def _lines(padded: Array) -> Array:
    """Return the borders that run along the rows; those in one line are joined."""
    off = padded[1:] != padded[:-1]
    # 1 where a border begins, -1 behind its end; both in the order of rows and columns.
    steps = np.diff(off.astype(np.int8), axis=1, prepend=0, append=0)
    begins, ends = np.argwhere(steps == 1), np.argwhere(steps == -1)
    return np.stack([begins, ends], axis=1) - (0.5, 1.5)
