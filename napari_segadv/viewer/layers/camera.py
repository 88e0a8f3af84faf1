"""What fits the canvas, and where a user was looking: measured with napari's camera."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer

# A view that nobody has touched is at most this much nearer than a fitted one: napari fits an image
# when it is opened, and its own docks take room from the canvas afterwards.
NEARER = 1.5
# Share of the canvas that a fitted image fills, as napari's own.
FILLED = 0.95


def fitted(
    viewer: ViewerModel, layers: Sequence[Layer] | None = None
) -> tuple[tuple[float, ...], float]:
    """Return centre and zoom at which these layers, or all layers, fill the canvas."""
    camera = viewer.scene.camera
    centre, zoom = camera.center, camera.zoom
    viewer.fit_to_view(layers=layers)
    found = camera.center, float(camera.zoom)
    camera.center, camera.zoom = centre, zoom
    return found


def untouched(viewer: ViewerModel) -> bool:
    """Return whether a view is as napari opened it: nobody has moved it or zoomed in."""
    if not viewer.layers:
        return False
    (centre, zoom), camera = fitted(viewer), viewer.scene.camera
    return bool(np.allclose(centre, camera.center)) and camera.zoom <= NEARER * zoom


@dataclass(frozen=True)
class View:
    """Where a user looks: the sliders, the axes shown, and the camera."""

    point: tuple[float, ...]
    order: tuple[int, ...]
    ndisplay: int
    center: Any
    zoom: float

    @classmethod
    def of(cls, viewer: ViewerModel) -> "View":
        """Return a viewer's present view."""
        dims, camera = viewer.dims, viewer.scene.camera
        return cls(dims.point, dims.order, dims.ndisplay, camera.center, float(camera.zoom))

    def restore(self, viewer: ViewerModel) -> bool:
        """Show it again; return whether that was possible: the axes may be others by now."""
        dims, camera = viewer.dims, viewer.scene.camera
        if len(self.order) != dims.ndim:
            return False
        dims.ndisplay = self.ndisplay
        dims.order = self.order
        dims.set_point(range(dims.ndim), self.point)
        camera.center, camera.zoom = self.center, self.zoom
        return True


def show_whole(viewer: ViewerModel, image: Image) -> None:
    """Show a whole image in the middle of the canvas; of a volume one of its slices."""
    dims = viewer.dims
    low, high = np.asarray(image.extent.world, float)
    missing = dims.ndim - image.ndim
    for axis in range(missing, dims.ndim):
        here, first, last = dims.point[axis], low[axis - missing], high[axis - missing]
        if axis in dims.not_displayed and not first <= here <= last:
            dims.set_point(axis, (first + last) / 2)
    if image.ndim == dims.ndim:
        viewer.fit_to_view(layers=[image])
        return
    # napari can't fit layers that have fewer dimensions than the others.
    shown = [axis - missing for axis in dims.displayed[-2:]]
    if min(shown) < 0:
        return
    sizes = np.maximum((high - low)[shown], 1e-9)
    camera = viewer.scene.camera
    camera.center = tuple(((low + high) / 2)[shown])
    camera.zoom = FILLED * float(np.min(np.asarray(viewer.canvas.size) / sizes))


def keep_looking(viewer: ViewerModel) -> None:
    """Tell napari where the pointer looks in 3-D as soon as there is something to see in 3-D.

    A move leaves no direction in 2-D, nor in 3-D while all images are flat, and one of as many
    numbers as there are dimensions. Until the next move, napari then fails to say what is under
    the pointer whenever a layer becomes active.
    """
    known = weakref.ref(viewer)

    def look(event: Any = None) -> None:
        there = known()
        if there is not None and there.dims.ndisplay == 3:
            dims, camera = there.dims, there.scene.camera
            # napari's private attribute: there is no public way to it.
            there.cursor._view_direction = camera.calculate_nd_view_direction(
                dims.ndim, dims.displayed
            )

    # A move tells it while the view stays; what is left is every change of the axes themselves.
    for event in (viewer.dims.events.ndisplay, viewer.dims.events.ndim, viewer.dims.events.order):
        event.connect(look, position="first")
    look()
