"""Edges of boxes in pixels of the screen for a while; napari's are in pixels of the image."""

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Shapes

from ..layers.places import matrix_of

# In pixels of the screen: as wide as a contour of a prediction on its own image.
WIDTH = 2.0


class BoxEdges:
    """Keeps the edges of a layer's boxes at one width until `leave`."""

    def __init__(self, viewer: ViewerModel, layer: Shapes) -> None:
        self._viewer, self._layer = viewer, layer
        self._before = list(layer.edge_width)
        self._ours: list[float] = []
        self._draw()
        viewer.scene.camera.events.zoom.connect(self._draw)

    def leave(self) -> None:
        """Restore the widths, unless somebody has changed them or the boxes since."""
        self._viewer.scene.camera.events.zoom.disconnect(self._draw)
        layer = self._layer
        if layer in self._viewer.layers and _same(list(layer.edge_width), self._ours):
            layer.edge_width = self._before

    def _draw(self, event: Any = None) -> None:
        layer, zoom = self._layer, float(self._viewer.scene.camera.zoom)
        if layer not in self._viewer.layers or zoom <= 0 or not self._before:
            return
        pixel = float(np.abs(matrix_of(layer)[:-1, :-1]).max())
        widths = [WIDTH / zoom / pixel] * len(layer.data)
        if not _same(list(layer.edge_width), widths):
            layer.edge_width = widths
        self._ours = list(layer.edge_width)


def _same(one: list[float], other: list[float]) -> bool:
    return bool(one) and len(one) == len(other) and np.allclose(one, other, rtol=1e-6)
