"""Contours whose width is in pixels of the screen: a layer that follows slice, view and zoom.

napari's own contours are as wide as pixels of the image: they vanish when a large film is shown
small, and hide the structure when a small image is shown large.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer

from ...data.scan import Array
from ..controller.controller import Controller
from ..layers.borders import borders
from ..layers.places import matrix_of
from ..layers.plane import Plane, plane_in_view

# The key in a layer's metadata for what its contours are drawn from.
OUTLINED = "segadv outlined"
PLACES = ("affine", "scale", "translate", "rotate", "shear")


@dataclass(eq=False)
class Outlined:
    """What contours are drawn from.

    Attributes:
        image: that the labels belong to.
        labels: class numbers, on the image's grid.
        width: of the lines, in pixels of the screen.
    """

    image: Image
    labels: Array
    width: float


class Lines:
    """Draws the borders of a label map in the slice that a viewer shows; in 3-D nothing.

    Attributes:
        layer: that it draws in. Its pixels are cubes, so that lines are equally wide in both
            directions also if the image's are not square.
    """

    def __init__(self, viewer: ViewerModel, layer: Layer, of: Outlined) -> None:
        """Draw in a layer of vectors that the viewer shows."""
        self._viewer, self.layer, self._of = viewer, layer, of
        self._plane: Plane | None = None
        ndim = of.image.ndim
        self._lines = np.zeros((0, 2, ndim))
        self._box = np.zeros(ndim), np.zeros(ndim)
        dims = viewer.dims.events
        self._moves = (dims.point, dims.order, dims.ndisplay)
        self._moves += tuple(getattr(of.image.events, name) for name in PLACES)
        for event in self._moves:
            # Last: by then napari has sliced the layer at the new place.
            event.connect(self.refresh, position="last")
        viewer.scene.camera.events.zoom.connect(self.draw)
        self.refresh()

    def set_width(self, width: float) -> None:
        """Set the width of the lines, in pixels of the screen."""
        if width != self._of.width:
            self._of.width = width
            self.draw()

    def close(self) -> None:
        """Stop following; the layer stays."""
        for event in self._moves:
            event.disconnect(self.refresh)
        self._viewer.scene.camera.events.zoom.disconnect(self.draw)

    def refresh(self, event: Any = None) -> None:
        """Draw the slice that is in view now."""
        plane = plane_in_view(self._of.image, self._viewer.dims, self._of.labels.shape)
        if plane is not None and plane.same_as(self._plane):
            return
        self._plane = plane
        if plane is None:
            self._lines = np.zeros((0, 2, self.layer.ndim))
        else:
            # As large as the image's longest step: napari's sliders go in the smallest of all.
            size = np.abs(plane.matrix[:-1, :-1]).max()
            labels = plane.cut(self._of.labels)
            self._lines = plane.in_world(borders(labels)) / size
            ends = plane.in_world(np.array([(0.0, 0.0), np.array(labels.shape) - 1.0])) / size
            self._box = ends.min(axis=0), ends.max(axis=0)
            self._place(np.full(self.layer.ndim, size))
        self.draw()

    def draw(self, event: Any = None) -> None:
        """Draw lines of the present width, each half a width longer so that corners are filled."""
        layer, zoom = self.layer, float(self._viewer.scene.camera.zoom)
        if layer not in self._viewer.layers or zoom <= 0:
            return
        if not len(self._lines) and layer.ndim == 2 and self._viewer.dims.ndisplay == 3:
            # Of a 2-D layer without vectors, napari 0.9 gives its canvas four numbers a corner in
            # 3-D, which ends it. The lines of a single image are right there as they are.
            return
        width = self._of.width / zoom / float(layer.scale[-1])
        starts, steps = self._lines[:, 0], self._lines[:, 1] - self._lines[:, 0]
        lengths = np.linalg.norm(steps, axis=-1, keepdims=True)
        along = steps / np.maximum(lengths, np.finfo(float).tiny)
        if len(self._lines) or len(layer.data):
            layer.edge_width = width
            # Lines beyond the centres of the outermost pixels would widen the range of the sliders.
            begins, ends = (
                np.clip(places, *self._box)
                for places in (starts - along * width / 2, starts + steps + along * width / 2)
            )
            with still(self._viewer.dims):
                layer.data = np.stack([begins, ends - begins], axis=1)

    def _place(self, sizes: Array) -> None:
        """Let the layer's data, times the sizes of its pixels, be places in the world."""
        layer, ndim = self.layer, self.layer.ndim
        if np.array_equal(matrix_of(layer), np.diag([*sizes, 1.0])):
            return
        with still(self._viewer.dims):
            layer.data = np.zeros((0, 2, ndim))
            layer.affine, layer.translate = np.eye(ndim + 1), np.zeros(ndim)
            layer.rotate, layer.shear = np.eye(ndim), np.zeros(ndim * (ndim - 1) // 2)
            layer.scale = sizes


class ContourLines(Lines):
    """The same in a layer of its own beside the image."""

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
        of = Outlined(image, labels, width)
        keywords = {"vector_style": "line", "edge_color": [*colour, 1.0], "ndim": image.ndim}
        keywords |= {"opacity": 1.0, "blending": "translucent_no_depth"}
        # Known before the layer is added: further views draw the lines of their own planes.
        keywords["metadata"] = {OUTLINED: of}
        layers, empty = viewer.layers, np.zeros((0, 2, image.ndim))
        chosen = set(layers.selection)
        layer: Layer = controller.show_beside(image, name, (empty, keywords, "vectors"))
        layers.move(layers.index(layer), len(layers))
        layers.selection = {x for x in chosen if x in layers}
        super().__init__(viewer, layer, of)

    def close(self) -> None:
        super().close()
        self.layer.metadata.pop(OUTLINED, None)


@contextmanager
def still(dims: Any) -> Iterator[None]:
    """Keep the place in view: if a layer's extent changes, napari keeps the number of the step."""
    before = dims.point
    yield
    if dims.point != before:
        dims.point = before
