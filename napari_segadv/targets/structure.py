"""What every target shape needs: the pixels of a structure, its centre, its size in mm."""

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..common.parameters import Param
from ..data.scan import Array, Mask
from ..errors import SegadvError

Label = Annotated[int, Param("Class number of the structure to change", low=1, high=65535)]
To = Annotated[int, Param("Class number to swap it with", low=0, high=65535)]
GivenUp = Annotated[
    int | None,
    Param(
        "Class number for pixels that the structure leaves; none: the nearest other class",
        low=0,
        high=65535,
    ),
]
Millimetres = Annotated[
    float,
    Param("Distance (in pixels if the image has no geometry)", 0.0, 500.0, unit="mm", step=0.5),
]
# Distances are sums of spacings, with rounding errors: 3 x 0.7 mm must count as within 2.1 mm.
EXACT = 1e-6
Bool = npt.NDArray[np.bool_]
Float = npt.NDArray[np.float64]


def structure(mask: Mask, label: int) -> Bool:
    """Return the pixels of a label.

    Raises:
        SegadvError: if there are none.
    """
    pixels: Bool = np.asarray(mask.array == label)
    if not pixels.any():
        held = ", ".join(mask_names(mask))
        raise SegadvError(
            f"{mask.path or 'the mask'}: has no pixels of class {label}; choose from {held}"
        )
    return pixels


def mask_names(mask: Mask) -> list[str]:
    """Return the class numbers in a mask, with their names if they have any."""
    return [
        f"{n} ({mask.classes[n]})" if n < len(mask.classes) else str(n)
        for n in np.unique(mask.array).tolist()
    ]


def centre(pixels: Bool) -> Float:
    """Return the centre of mass in pixels, in array order."""
    return np.array([axis.mean() for axis in np.nonzero(pixels)])


def offsets(mask: Mask, middle: Float) -> list[Float]:
    """Return each index's distance in mm (or pixels) from a centre along each axis, to broadcast.

    The distances have the order and the direction of the world axes (to the head, to the back, to
    the left), as the image is shown; a turned image is shown along its own axes.
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
    """Return the area in mm^2 or the volume in mm^3 (in pixels if there is no geometry)."""
    return float(pixels.sum() * np.prod(mask.grid.spacing))


def redraw(mask: Mask, old: Bool, new: Bool, label: int, to: int | None = 0) -> Mask:
    """Draw a structure's new pixels over all others; old ones that it leaves become `to`.

    Raises:
        SegadvError: if nothing of the structure would be left.
    """
    if not new.any():
        raise SegadvError(
            f"{mask.class_name(label)}: nothing would be left of it; choose a smaller change, or "
            "the shape erase"
        )
    return mask.with_array(relabel(remove(mask, old, label, to), new, label))


def remove(mask: Mask, old: Bool, label: int, to: int | None) -> Array:
    """Return a copy of the labels without a structure.

    Args:
        mask: the label map.
        old: the structure's pixels.
        label: its class number.
        to: the class that its pixels become; None: for each pixel the nearest other class, in mm.

    Raises:
        SegadvError: if `to` is the structure's own class.
    """
    if to == label:
        raise SegadvError(f"class {label} can't be replaced by itself; name another class")
    if to is not None:
        return relabel(mask.array.copy(), old, to)
    array: Array = mask.array.copy()
    # The other pixel that is nearest lies at most one pixel outside the structure's box.
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
    """Return the bounding box of pixels with a margin, cut off at the edges of the array."""
    margins = (margin,) * pixels.ndim if isinstance(margin, int) else margin
    (box,) = ndimage.find_objects(pixels.view(np.uint8))
    return tuple(
        slice(max(side.start - m, 0), min(side.stop + m, n))
        for side, m, n in zip(box, margins, pixels.shape, strict=True)
    )


def relabel(array: Array, pixels: Bool, label: int) -> Array:
    """Set pixels of an array to a label, and return it in a type that can hold the label."""
    if label > np.iinfo(array.dtype).max:
        array = array.astype(np.uint16)
    array[pixels] = label
    out: npt.NDArray[Any] = array
    return out
