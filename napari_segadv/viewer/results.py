"""The layers that a controller has put into its viewer: each replaces the last of its name."""

from napari.components import ViewerModel
from napari.layers import Layer

from .layers import LayerTuple


class Results:
    """Layers by name. They may be removed, renamed or moved by the user at any time."""

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self._layers: dict[str, Layer] = {}

    def __contains__(self, layer: Layer) -> bool:
        return any(layer is own for own in self._layers.values())

    def show(self, name: str, made: LayerTuple) -> Layer:
        """Adds a layer, in the place of the one that was added under this name before."""
        data, keywords, kind = made
        old = self._layers.get(name)
        index = len(self.viewer.layers)
        if old is not None and old in self.viewer.layers:
            index = self.viewer.layers.index(old)
            self.viewer.layers.remove(old)
        new = Layer.create(data, {**keywords, "name": name}, kind)
        self.viewer.layers.insert(index, new)
        self._layers[name] = new
        return new

    def select(self, layer: Layer, *, on_top: bool = False) -> None:
        """Makes a layer the active one, if it is still there."""
        if layer not in self.viewer.layers:
            return
        if on_top:
            self.viewer.layers.move(self.viewer.layers.index(layer), len(self.viewer.layers))
        self.viewer.layers.selection.active = layer
