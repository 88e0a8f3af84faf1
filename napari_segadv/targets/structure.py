"""What every target shape needs: the pixels of a structure, its centre, its size in mm."""

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from ..errors import SegadvError
from ..parameters import Param
from ..scan import Array, Mask

Label = Annotated[int, Param("Class number of the structure that is changed", low=1, high=65535)]
To = Annotated[int, Param("Class number that it becomes", low=0, high=65535)]
Bool = npt.NDArray[np.bool_]
Float = npt.NDArray[np.float64]


def structure(mask: Mask, label: int) -> Bool:
    """The pixels of a label.

    Raises:
        SegadvError: where there are none.
    """
    pixels: Bool = np.asarray(mask.array == label)
    if not pixels.any():
        held = ", ".join(mask_names(mask))
        raise SegadvError(
            f"{mask.path or 'the mask'}: holds no pixel of class {label}; it holds {held}"
        )
    return pixels


def mask_names(mask: Mask) -> list[str]:
    """Class numbers in a mask, with their names where known."""
    return [
        f"{n} ({mask.classes[n]})" if n < len(mask.classes) else str(n)
        for n in np.unique(mask.array).tolist()
    ]


def centre(pixels: Bool) -> Float:
    """Centre of mass in pixels, array order."""
    return np.array([axis.mean() for axis in np.nonzero(pixels)])


def offsets(mask: Mask, middle: Float) -> list[Float]:
    """Distances in mm (or pixels) of every index from a centre along each axis, to broadcast.

    In the order and the sense of the world's axes (to the head, to the back, to the left), as
    the image is shown; an oblique image is shown along its own axes.
    """
    grid = mask.grid
    found = []
    for axis, (n, c, s) in enumerate(zip(grid.shape, middle, grid.spacing, strict=True)):
        column = grid.direction[:, axis]
        along = axis if grid.oblique else int(np.abs(column).argmax())
        sense = -1.0 if column[along] < 0 and not grid.oblique else 1.0
        shape = [-1 if i == axis else 1 for i in range(grid.ndim)]
        found.append((along, (sense * s * (np.arange(n) - c)).reshape(shape)))
    return [distance for _, distance in sorted(found, key=lambda pair: pair[0])]


def extent(mask: Mask, pixels: Bool) -> float:
    """Area in mm^2 or volume in mm^3 (pixels where there is no geometry)."""
    return float(pixels.sum() * np.prod(mask.grid.spacing))


def drawn(mask: Mask, old: Bool, new: Bool, label: int, background: int = 0) -> Mask:
    """The mask with a structure's old pixels emptied and its new ones drawn on top of all."""
    array: Array = mask.array.copy()
    array[old] = background
    return mask.with_array(painted(array, new, label))


def painted(array: Array, pixels: Bool, label: int) -> Array:
    """An array with pixels set to a label, in a type that can hold it."""
    if label > np.iinfo(array.dtype).max:
        array = array.astype(np.uint16)
    array[pixels] = label
    out: npt.NDArray[Any] = array
    return out
