"""Contours whose width is in pixels of the screen: a layer that follows slice, view and zoom.

napari's own contours are as wide as pixels of the image: they vanish when a large film is shown
small, and hide the structure when a small image is shown large.
"""

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer

from ...data.scan import Array
from ..controller.controller import Controller
from ..layers.borders import borders
from ..layers.places import matrix_of
from ..layers.plane import Plane, plane_in_view

PLACES = ("affine", "scale", "translate", "rotate", "shear")


class ContourLines:
    """Draws the borders of a label map in the slice in view; in 3-D nothing.

    Attributes:
        layer: that it draws in. Its data are in the world's coordinates, so that lines are equally
            wide in both directions also if pixels are not square.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        controller: Controller,
        image: Image,
        name: str,
        labels: Array,
        colour: tuple[float, float, float],
        width: float,
    ) -> None:
        """Add the layer, on top.

        Args:
            viewer, controller: of the image.
            image: that the labels belong to.
            name: of the layer, as `Controller.show_beside` takes it.
            labels: class numbers, on the image's grid.
            colour: of the lines.
            width: of the lines, in pixels of the screen.
        """
        self._viewer, self._image, self._labels, self._width = viewer, image, labels, width
        self._plane: Plane | None = None
        self._lines = np.zeros((0, 2, image.ndim))
        keywords = {"vector_style": "line", "edge_color": [*colour, 1.0], "ndim": image.ndim}
        keywords |= {"opacity": 1.0, "blending": "translucent_no_depth"}
        layers = viewer.layers
        chosen = set(layers.selection)
        self.layer: Layer = controller.show_beside(image, name, (self._lines, keywords, "vectors"))
        in_the_world(self.layer)
        layers.move(layers.index(self.layer), len(layers))
        layers.selection = {x for x in chosen if x in layers}
        dims = viewer.dims.events
        self._moves = (dims.point, dims.order, dims.ndisplay)
        self._moves += tuple(getattr(image.events, name) for name in PLACES)
        for event in self._moves:
            # Last: by then napari has sliced the layer at the new place.
            event.connect(self.refresh, position="last")
        viewer.scene.camera.events.zoom.connect(self._draw)
        self.refresh()

    def set_width(self, width: float) -> None:
        """Set the width of the lines, in pixels of the screen."""
        if width != self._width:
            self._width = width
            self._draw()

    def close(self) -> None:
        """Stop following; the layer stays."""
        for event in self._moves:
            event.disconnect(self.refresh)
        self._viewer.scene.camera.events.zoom.disconnect(self._draw)

    def refresh(self, event: Any = None) -> None:
        """Draw the slice that is in view now."""
        plane = plane_in_view(self._image, self._viewer.dims, self._labels.shape)
        if plane is not None and plane.same_as(self._plane):
            return
        self._plane = plane
        if plane is None:
            self._lines = np.zeros((0, 2, self.layer.ndim))
        else:
            self._lines = plane.in_world(borders(plane.cut(self._labels)))
        self._draw()

    def _draw(self, event: Any = None) -> None:
        """Draw lines of the present width, each half a width longer so that corners are filled."""
        layer, zoom = self.layer, float(self._viewer.scene.camera.zoom)
        if layer not in self._viewer.layers or zoom <= 0:
            return
        width = self._width / zoom
        starts, steps = self._lines[:, 0], self._lines[:, 1] - self._lines[:, 0]
        lengths = np.linalg.norm(steps, axis=-1, keepdims=True)
        along = steps / np.maximum(lengths, np.finfo(float).tiny)
        if len(self._lines) or len(layer.data):
            layer.edge_width = width
            layer.data = np.stack([starts - along * width / 2, steps + along * width], axis=1)


def in_the_world(layer: Layer) -> None:
    """Let a layer's data be places in the world, in its own units."""
    layer.affine = np.eye(layer.ndim + 1)
    layer.scale, layer.translate = np.ones(layer.ndim), np.zeros(layer.ndim)
    layer.rotate, layer.shear = np.eye(layer.ndim), np.zeros(layer.ndim * (layer.ndim - 1) // 2)
    assert np.allclose(matrix_of(layer), np.eye(layer.ndim + 1))
