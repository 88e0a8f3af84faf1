"""Where the slices of an array lie on the sliders of a viewer, however the view is turned."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Layer

from .places import matrix_of


@dataclass(frozen=True)
class SlicePlace:
    """The world axis that runs through the slices along one axis of an array, usually its first.

    Attributes:
        axis: of the viewer's dims.
        first: world coordinate of slice 0.
        step: from one slice to the next; below 0 if the volume is flipped.
        count: number of slices.
    """

    axis: int
    first: float
    step: float
    count: int

    @classmethod
    def of(cls, layer: Any, dims: Any, along: int = 0) -> "SlicePlace":
        """Return the place of a 3-D layer's slices along an axis of its array."""
        matrix = matrix_of(layer)
        axis = int(np.abs(matrix[:-1, along]).argmax())
        # If slices cross the axis at an angle, the middle of the slice counts.
        middle = (np.asarray(layer.data.shape[:3]) - 1) / 2
        middle[along] = 0
        first = float(matrix[axis, :-1] @ middle + matrix[axis, -1])
        count = int(layer.data.shape[along])
        return cls(axis + dims.ndim - layer.ndim, first, float(matrix[axis, along]), count)

    def seen(self, dims: Any) -> bool:
        """Return whether the viewer shows one of the slices, not 3-D or a plane across them."""
        return dims.ndisplay == 2 and self.axis not in dims.displayed

    def number(self, dims: Any) -> int:
        """Return the slice at the viewer's position, or the nearest one."""
        number = round(float(dims.point[self.axis] - self.first) / self.step)
        return min(max(number, 0), self.count - 1)

    def show(self, dims: Any, number: int) -> None:
        """Move the viewer to a slice; leave 3-D and planes across the slices if need be."""
        # First, since on going back to 2-D napari returns to the slice that it showed before.
        dims.ndisplay = 2
        if self.axis in dims.displayed:
            others = [axis for axis in range(dims.ndim) if axis != self.axis]
            dims.order = (*others[:-2], self.axis, *others[-2:])
        dims.set_point(self.axis, self.first + number * self.step)


def slice_in_view(layer: Layer, dims: Any) -> int | None:
    """Return the slice of a volume that is in view; None if none is, and for a single image."""
    if layer.ndim != 3:
        return None
    place = SlicePlace.of(layer, dims)
    return place.number(dims) if place.seen(dims) else None


def place_of(layers: list[Layer | None], viewer: Any, shape: tuple[int, ...]) -> SlicePlace | None:
    """Return the place of a volume's slices, from the first layer that is there and fits.

    Args:
        layers: those that show the volume; any may be gone or changed.
        viewer: the viewer that shows them.
        shape: of the volume.
    """
    for layer in layers:
        if layer is None or layer not in viewer.layers or layer.ndim != 3:
            continue
        if tuple(layer.data.shape[:3]) == shape:
            return SlicePlace.of(layer, viewer.dims)
    return None
