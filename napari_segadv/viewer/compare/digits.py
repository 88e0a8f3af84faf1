"""Number keys that work whichever layer is active: napari asks the active layer first."""

from collections.abc import Callable, Mapping
from typing import Any

from napari.components import ViewerModel


class LayerKeys:
    """Keys bound on every present and future layer, until `close`."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._layers = viewer.layers
        self._keys: Mapping[str, Callable[[], None]] = {}
        self._layers.events.inserted.connect(self._inserted)
        self._layers.events.removed.connect(self._removed)

    def set(self, keys: Mapping[str, Callable[[], None]]) -> None:
        """Replace the keys; those no longer bound are the layers' own again."""
        for layer in self._layers:
            self._unbind(layer)
        self._keys = dict(keys)
        for layer in self._layers:
            self._bind(layer)

    def close(self) -> None:
        """Unbind all keys and stop listening."""
        self._layers.events.inserted.disconnect(self._inserted)
        self._layers.events.removed.disconnect(self._removed)
        for layer in self._layers:
            self._unbind(layer)

    def _inserted(self, event: Any) -> None:
        self._bind(event.value)

    def _removed(self, event: Any) -> None:
        self._unbind(event.value)

    def _bind(self, layer: Any) -> None:
        def handler(action: Callable[[], None]) -> Callable[[Any], None]:
            return lambda layer: action()

        for key, action in self._keys.items():
            layer.bind_key(key, handler(action), overwrite=True)

    def _unbind(self, layer: Any) -> None:
        for key in self._keys:
            layer.bind_key(key, None)
