"""How large the structures of a label map are, and where: pixels, ml or mm², bounding boxes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..common.wording import amount
from ..data.scan import Array, Grid

Box = tuple[slice, ...]


@dataclass(frozen=True)
class Structure:
    """A structure in a label map: its class number, its pixels, and the box around them."""

    label: int
    pixels: int
    box: Box


def structures(
    labels: Array, poll: Callable[[], None] = lambda: None, only: int | None = None
) -> dict[int, Structure]:
    """Measure the structures of a label map, a slice at a time so that other threads can run.

    Args:
        labels: class numbers (z, y, x) or (y, x).
        poll: called at each slice; may raise to stop.
        only: measure this class alone; None: all but the background.
    """
    counts: dict[int, int] = {}
    boxes: dict[int, list[list[int]]] = {}
    flat = labels.ndim == 2
    for z, plane in enumerate(labels[None] if flat else labels):
        poll()
        if only is not None:
            plane = (plane == only).view(np.uint8)
        if not plane.any():
            continue
        pixels = np.bincount(plane.ravel())
        for label, box in enumerate(ndimage.find_objects(plane), start=1):
            if box is None:
                continue
            name = label if only is None else only
            counts[name] = counts.get(name, 0) + int(pixels[label])
            sides = [[side.start, side.stop] for side in (slice(z, z + 1), *box)]
            known = boxes.setdefault(name, sides)
            for side, more in zip(known, sides, strict=True):
                side[:] = min(side[0], more[0]), max(side[1], more[1])
    return {
        label: Structure(label, counts[label], tuple(slice(*side) for side in sides[flat:]))
        for label, sides in sorted(boxes.items())
    }


def widest(labels: Array, found: Structure, axis: int) -> int:
    """Return the index along an axis at which a structure has the most pixels.

    Of several in a row, as through a cylinder, it is the middle one.
    """
    others = tuple(other for other in range(labels.ndim) if other != axis)
    counts = np.count_nonzero(labels[found.box] == found.label, axis=others)
    most = np.flatnonzero(counts == counts.max())
    return int(found.box[axis].start + most[len(most) // 2])


def in_units(grid: Grid, pixels: int) -> float:
    """Convert pixels to ml, in 2-D to mm²; without geometry they stay pixels."""
    if not grid.physical:
        return float(pixels)
    size = float(np.prod(grid.spacing))
    return pixels * size / (1000 if grid.ndim == 3 else 1)


def units_of_size(grid: Grid) -> str:
    """Return the unit of `in_units`."""
    if not grid.physical:
        return "voxels" if grid.ndim == 3 else "pixels"
    return "ml" if grid.ndim == 3 else "mm²"


def size_text(grid: Grid, pixels: int) -> str:
    """Return a size with its unit."""
    return f"{amount(in_units(grid, pixels))} {units_of_size(grid)}"


def change_text(grid: Grid, before: int, after: int) -> str:
    """Return the sizes of a structure before and after, with their unit."""
    first, second = (amount(in_units(grid, pixels)) for pixels in (before, after))
    return f"{first} → {second} {units_of_size(grid)}"
