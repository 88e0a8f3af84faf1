"""What the mouse does on a canvas: the wheel goes through slices, a right drag sets the window."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from ..compare.drags import LEFT, RIGHT, drag_window, free, still
from ..compare.window import Window
from ..layers.places import matrix_of
from ..layers.upright import grid_of
from ..widgets.settings import SLICES, settings
from .planes import planes_of

# As the wheel zooms in napari: the factor of one notch.
NOTCH = 1.007**30
# In pixels of the screen: how near the crosshair a drag has to start to move it, and how far the
# hand may move in a click.
NEAR, STILL = 10.0, 3.0


class Mouse:
    """The wheel and the right button of a canvas, until `close`."""

    def __init__(
        self, viewer: ViewerModel, window: Window, chosen: Callable[[], Image | None]
    ) -> None:
        self._viewer, self._chosen = viewer, chosen
        self._turned = 0.0
        # napari's own goes through slices while Ctrl is held down; it gets what is not for us.
        wheels = viewer.mouse_wheel_callbacks
        self._place = next(
            (n for n, call in enumerate(wheels) if call.__name__ == "dims_scroll"), len(wheels)
        )
        self._naparis = wheels.pop(self._place) if self._place < len(wheels) else None
        self._wheel_call = self._wheel
        wheels.insert(self._place, self._wheel_call)
        self._drag = drag_window(viewer, window, (RIGHT,))
        viewer.mouse_drag_callbacks.append(self._drag)

    def close(self) -> None:
        """Leave the mouse to napari again."""
        wheels = self._viewer.mouse_wheel_callbacks
        place = wheels.index(self._wheel_call)
        wheels.pop(place)
        if self._naparis is not None:
            wheels.insert(place, self._naparis)
        self._viewer.mouse_drag_callbacks.remove(self._drag)

    def _wheel(self, viewer: ViewerModel, event: Any) -> None:
        held = len(event.modifiers)
        zooms = held == 1 and "Control" in event.modifiers
        flat = viewer.dims.ndisplay == 2
        if settings().wheel != SLICES or not flat or (held and not zooms):
            if self._naparis is not None:
                self._naparis(viewer, event)
            return
        turned = float(np.clip(event.delta[1], -1, 1)) * (-1 if event.native.inverted() else 1)
        if zooms:
            zoom_at(viewer, event.position, NOTCH**turned)
        elif slices_in(viewer) is None:
            return
        else:
            # Touch pads send parts of a notch.
            self._turned -= turned
            whole = math.trunc(self._turned)
            self._turned -= whole
            step(self._viewer, self._chosen(), whole)
        event.handled = True


def slices_in(viewer: ViewerModel) -> int | None:
    """Return the axis of the slices that a viewer goes through; None for a single image."""
    dims = viewer.dims
    found = [axis for axis in dims.not_displayed if dims.nsteps[axis] > 1]
    return found[-1] if found else None


def step(viewer: ViewerModel, image: Image | None, by: int) -> None:
    """Go some slices on, in the order in which a reading room goes through them, or back."""
    axis = slices_in(viewer)
    if axis is None or not by:
        return
    dims = viewer.dims
    size, back = dims.range[axis].step, dims.ndim - axis
    if image is not None and image.ndim >= back and image.ndim == 3:
        # Of this image: another that is open may have thinner slices.
        size = float(np.abs(matrix_of(image)[image.ndim - back, :-1]).max()) or size
        plane = next(p for p in planes_of(grid_of(image)) if p.axis == -back)
        by = by if plane.onwards else -by
    dims.set_point(axis, dims.point[axis] + by * size)


def zoom_at(viewer: ViewerModel, position: Any, factor: float) -> None:
    """Zoom by a factor; the place under the pointer stays there."""
    camera, shown = viewer.scene.camera, list(viewer.dims.displayed)
    centre, place = np.asarray(camera.center)[-2:], np.asarray(position)[shown]
    camera.zoom *= factor
    camera.center = place + (centre - place) / factor


def crosshair_drag(
    middle: Callable[[], tuple[float, float] | None], go_to: Callable[[Any], None]
) -> Callable[[Any, Any], Any]:
    """Return a drag callback: a click moves the crosshair there, a drag takes it along.

    A drag that starts away from the crosshair is left to napari, which moves the image.

    Args:
        middle: returns the crosshair's pixel on the canvas, (x, y); None if it is not shown.
        go_to: moves it to a place of the world.
    """

    def drag(viewer: Any, event: Any) -> Iterator[None]:
        at = middle()
        if at is None or event.button != LEFT or len(event.modifiers) or not free(viewer):
            return
        start = tuple(event.pos[:2])
        if math.dist(start, at) <= NEAR:
            with still(viewer):
                yield
                while event.type == "mouse_move":
                    go_to(event.position)
                    event.handled = True
                    yield
            return
        yield
        far = False
        while event.type == "mouse_move":
            far = far or math.dist(start, event.pos[:2]) > STILL
            yield
        if not far:
            go_to(event.position)

    return drag
