"""Hears of every change that can put something else under a caption, whoever makes it."""

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel

LOOKS = ("visible", "opacity", "blending")


class Watch:
    """Calls a function after each change of which layers are seen where, until `close`.

    Not after `moved`: while several layers are dragged, the list is not whole until `reordered`.
    """

    def __init__(self, viewer: ViewerModel, changed: Callable[[Any], None]) -> None:
        self._layers, self._tell = viewer.layers, changed
        grid = viewer.canvas.grid.events
        self._grid = (grid.enabled, grid.stride, grid.shape)
        events = viewer.layers.events
        # Last: by then napari and its layer list have finished with the layer.
        self._list = (
            (events.inserted, self._inserted),
            (events.removed, self._removed),
            (events.reordered, self._changed),
            *((event, self._changed) for event in self._grid),
        )
        for event, listener in self._list:
            event.connect(listener, position="last")
        for layer in self._layers:
            self._follow(layer, True)

    def close(self) -> None:
        """Stop listening."""
        for event, listener in self._list:
            event.disconnect(listener)
        for layer in self._layers:
            self._follow(layer, False)

    def _follow(self, layer: Any, on: bool) -> None:
        for name in LOOKS:
            event = getattr(layer.events, name)
            if on:
                event.connect(self._changed, position="last")
            else:
                event.disconnect(self._changed)

    def _inserted(self, event: Any) -> None:
        self._follow(event.value, True)
        self._tell(event)

    def _removed(self, event: Any) -> None:
        self._follow(event.value, False)
        self._tell(event)

    def _changed(self, event: Any) -> None:
        self._tell(event)
