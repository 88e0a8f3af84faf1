"""The orientation tag of EXIF and TIFF, which says how to turn stored rows into a picture."""

import numpy as np

from ..data.scan import Array

TAG = 274
NOTE = "It is turned upright as the orientation in its header says."


def upright(array: Array, orientation: object) -> Array:
    """Turn an image (y, x) or (y, x, components) as its orientation tag says.

    Args:
        array: as stored.
        orientation: 1 to 8; anything else means that it is upright.

    Examples:
        >>> stored = np.array([[1, 2, 3], [4, 5, 6]])
        >>> upright(stored, 6).tolist()
        [[4, 1], [5, 2], [6, 3]]
        >>> upright(stored, 1) is stored
        True
    """
    if orientation not in (2, 3, 4, 5, 6, 7, 8):
        return array
    swapped = np.swapaxes(array, 0, 1)
    turned = {
        2: array[:, ::-1],
        3: array[::-1, ::-1],
        4: array[::-1],
        5: swapped,
        6: swapped[:, ::-1],
        7: swapped[::-1, ::-1],
        8: swapped[::-1],
    }
    return np.ascontiguousarray(turned[int(str(orientation))])
