"""The plane of an image's array that a viewer shows, however the view is turned."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image

from ...data.scan import Array
from .places import matrix_of


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane of an array that lies where an image does.

    Attributes:
        key: the plane's index into the array.
        axes: the array's axes that run down and across the screen.
        matrix: from pixels to the world, (ndim + 1, ndim + 1).
        world: the place in the world that is in view.
        through: the world's axes that run through the plane.
    """

    key: tuple[Any, ...]
    axes: tuple[int, int]
    matrix: Array
    world: Array
    through: tuple[int, ...]

    def cut(self, array: Array) -> Array:
        """Return the plane of an array: rows down and columns across the screen."""
        plane: Array = array[self.key]
        return plane if self.axes[0] < self.axes[1] else np.swapaxes(plane, 0, 1)

    def in_world(self, places: Array) -> Array:
        """Convert places in the plane, (..., 2) as (down, across) in pixels, to the world.

        Their coordinates through the plane are those in view, so that napari shows them in it.
        """
        ndim = len(self.matrix) - 1
        pixels = np.empty((*places.shape[:-1], ndim))
        for axis, index in enumerate(self.key):
            pixels[..., axis] = 0 if isinstance(index, slice) else index
        pixels[..., list(self.axes)] = places
        found: Array = pixels @ self.matrix[:-1, :-1].T + self.matrix[:-1, -1]
        found[..., list(self.through)] = self.world[list(self.through)]
        return found

    def same_as(self, other: "Plane | None") -> bool:
        """Return whether two planes are the same, and in the same place."""
        return (
            other is not None
            and (self.key, self.axes, self.through) == (other.key, other.axes, other.through)
            and np.array_equal(self.matrix, other.matrix)
            and np.array_equal(self.world, other.world)
        )


def plane_in_view(image: Image, dims: Any, shape: tuple[int, ...]) -> Plane | None:
    """Return the plane in view of an array that lies where an image does; None in 3-D.

    None also if the view has left the array.

    Args:
        image: gives the place.
        dims: of the viewer.
        shape: of the array, without colours.
    """
    offset = dims.ndim - image.ndim
    rows = [axis - offset for axis in dims.displayed]
    # An image that has left the viewer may have more dimensions than the others.
    if dims.ndisplay != 2 or offset < 0 or min(rows) < 0 or len(shape) != image.ndim:
        return None
    matrix = matrix_of(image)
    down, across = (int(np.abs(matrix[row, :-1]).argmax()) for row in rows)
    if down == across:
        return None
    world = np.asarray(dims.point[offset:], np.float64)
    here = np.linalg.inv(matrix) @ np.append(world, 1.0)
    key: list[Any] = [slice(None)] * image.ndim
    for axis in range(image.ndim):
        if axis not in (down, across):
            key[axis] = round(float(here[axis]))
            if not 0 <= key[axis] < shape[axis]:
                return None
    through = tuple(axis for axis in range(image.ndim) if axis not in rows)
    return Plane(tuple(key), (down, across), matrix, world, through)
