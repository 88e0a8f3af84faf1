"""What every target shape needs: the pixels of a structure, its centre, its size in mm."""

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..common.parameters import Param
from ..data.scan import Array, Mask
from ..errors import SegadvError

Label = Annotated[int, Param("Class number of the structure that is changed", low=1, high=65535)]
To = Annotated[int, Param("Class number that it becomes", low=0, high=65535)]
GivenUp = Annotated[
    int | None,
    Param(
        "Class number of the pixels that it gives up; none: what surrounds it", low=0, high=65535
    ),
]
Millimetres = Annotated[
    float,
    Param("How far (in pixels where the image has no geometry)", 0.0, 500.0, unit="mm", step=0.5),
]
# Distances are sums of spacings in floating point: 3 x 0.7 mm is within 2.1 mm.
EXACT = 1e-6
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
    the image is shown; a turned image is shown along its own axes.
    """
    grid = mask.grid
    found = []
    for axis, (n, c, s) in enumerate(zip(grid.shape, middle, grid.spacing, strict=True)):
        column = grid.direction[:, axis]
        along = axis if grid.turned else int(np.abs(column).argmax())
        sense = -1.0 if column[along] < 0 and not grid.turned else 1.0
        shape = [-1 if i == axis else 1 for i in range(grid.ndim)]
        found.append((along, (sense * s * (np.arange(n) - c)).reshape(shape)))
    return [distance for _, distance in sorted(found, key=lambda pair: pair[0])]


def extent(mask: Mask, pixels: Bool) -> float:
    """Area in mm^2 or volume in mm^3 (pixels where there is no geometry)."""
    return float(pixels.sum() * np.prod(mask.grid.spacing))


def drawn(mask: Mask, old: Bool, new: Bool, label: int, to: int | None = 0) -> Mask:
    """The mask with a structure's new pixels drawn on top of all, and the others given up."""
    return mask.with_array(painted(emptied(mask, old, label, to), new, label))


def emptied(mask: Mask, old: Bool, label: int, to: int | None) -> Array:
    """A copy of the labels without a structure.

    Args:
        mask: the label map.
        old: the structure's pixels.
        label: its class number.
        to: what they become; None: each the nearest class, in mm, that is not the structure.

    Raises:
        SegadvError: where they would become what they are.
    """
    if to == label:
        raise SegadvError(f"class {label} can't give up pixels to itself; name another class")
    if to is not None:
        return painted(mask.array.copy(), old, to)
    array: Array = mask.array.copy()
    # The nearest other pixel of each lies within one pixel of the structure's box.
    box = around(old, 1)
    inside = old[box]
    if inside.all():
        array[old] = 0
        return array
    nearest = ndimage.distance_transform_edt(
        inside, sampling=mask.grid.spacing, return_distances=False, return_indices=True
    )
    part = array[box]
    part[inside] = part[tuple(axis[inside] for axis in nearest)]
    return array


def around(pixels: Bool, margin: int | tuple[int, ...]) -> tuple[slice, ...]:
    """The box of some pixels and a margin, held to the array."""
    margins = (margin,) * pixels.ndim if isinstance(margin, int) else margin
    (box,) = ndimage.find_objects(pixels.view(np.uint8))
    return tuple(
        slice(max(side.start - m, 0), min(side.stop + m, n))
        for side, m, n in zip(box, margins, pixels.shape, strict=True)
    )


def painted(array: Array, pixels: Bool, label: int) -> Array:
    """An array with pixels set to a label, in a type that can hold it."""
    if label > np.iinfo(array.dtype).max:
        array = array.astype(np.uint16)
    array[pixels] = label
    out: npt.NDArray[Any] = array
    return out
