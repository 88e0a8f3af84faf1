"""Lets a click in the canvas pick a pixel of a labels layer; a drag still moves the view."""

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from .convert import painted
from .hidden_classes import is_hidden
from .structure_layers import members, numbers_in

# A press and a release further apart than this, in pixels of the screen, are a drag.
STILL = 4
FLAT_ONLY = "structures can be picked in 2-D only; switch off 3-D"
NOTHING = "there is no structure; click on one"


class Picking:
    """While it is on, clicks are for it alone: the active layer's brush rests."""

    def __init__(
        self,
        viewer: ViewerModel,
        layer: Labels,
        picked: Callable[[tuple[int, ...], tuple[float, ...]], None],
        missed: Callable[[str], None],
    ) -> None:
        """Switch picking on.

        Args:
            viewer: the viewer.
            layer: the labels; they are shown meanwhile.
            picked: called with the pixel that was hit, in array order, and its place in the world.
            missed: called with why a click has hit nothing.
        """
        self._viewer, self.layer = weakref.ref(viewer), layer
        self._picked, self._missed = picked, missed
        self._active = viewer.layers.selection.active
        self._mode = None if self._active is None else str(self._active.mode)
        if self._active is not None and self._mode != "pan_zoom":
            self._active.mode = "pan_zoom"
        self._seen = [(each, each.visible) for each in members(layer)]
        for each, _ in self._seen:
            each.visible = True
        self._cursor = viewer.cursor.style
        viewer.cursor.style = "cross"
        viewer.mouse_drag_callbacks.append(self._pressed)

    def stop(self) -> None:
        """Switch picking off, and leave everything as it was."""
        viewer = self._viewer()
        if viewer is None:
            return
        if self._pressed in viewer.mouse_drag_callbacks:
            viewer.mouse_drag_callbacks.remove(self._pressed)
        viewer.cursor.style = self._cursor
        for layer, seen in self._seen:
            if layer in viewer.layers and not seen:
                layer.visible = False
        if self._active is not None and self._active in viewer.layers and self._mode is not None:
            self._active.mode = self._mode

    def _pressed(self, viewer: Any, event: Any) -> Iterator[None]:
        if event.button != 1:
            return
        start = np.asarray(event.pos, float)
        yield
        while event.type == "mouse_move":
            yield
        if np.abs(np.asarray(event.pos, float) - start).max() > STILL:
            return
        self._hit(event)

    def _hit(self, event: Any) -> None:
        if len(event.dims_displayed) != 2:
            self._missed(FLAT_ONLY)
            return
        shape = painted(self.layer).shape
        place = np.asarray(self.layer.world_to_data(event.position))[-self.layer.ndim :]
        point = tuple(int(p) for p in np.rint(place))
        inside = all(0 <= p < n for p, n in zip(point, shape, strict=True))
        label = int(numbers_in(self.layer, point)) if inside else 0
        if not label or is_hidden(self.layer, label):
            self._missed(NOTHING)
        else:
            self._picked(point, tuple(event.position))
