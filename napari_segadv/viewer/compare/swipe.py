"""Swipe: left of a line the clean image with its prediction, right of it the adversarial one."""

import math
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from ...data.grade import Grade
from ..controller.controller import Controller
from ..layers.convert import looking_like
from ..layers.names import KEY
from ..layers.places import matrix_of
from ..layers.tasks.classification import band
from .halves import LINE_COLOUR, Cut, Halves
from .loan import Loan
from .pair import Mode, Pair, fade
from .predictions import Predictions
from .under_captions import COVERING, in_view, shows

SWIPE = "swipe"
# What the parts of label maps on both sides of the line are called in the list of layers.
PARTS = ("swipe (clean)", "swipe (adversarial)")
BAND = "swipe (class)"


class Swipe(Mode):
    """One layer above the pair, joined slice by slice; predictions are cut at the same line.

    Label maps are cut as the image is. napari cuts contours, boxes and their texts itself.
    """

    name = SWIPE

    def __init__(
        self, pair: Pair, predictions: Predictions, controller: Controller, share: float = 0.5
    ) -> None:
        super().__init__(pair, predictions)
        self.share = share
        example = pair.example
        arrays = (example.clean.array, example.adversarial.array)
        halves = Halves(*arrays, self._cut, self._ink, self._line)
        keywords = {
            **looking_like(pair.clean),
            "rgb": pair.clean.rgb,
            "metadata": {KEY: example.clean.grid},
            "interpolation2d": pair.clean.interpolation2d,
        }
        # Layers that own ones stand for.
        self._replaced: list[Layer] = []
        self.alone()
        self._wide = self._line()
        self.layer = self.own_layer(controller, SWIPE, (halves, keywords, "image"))
        # Layers that napari cuts, each with whether it is seen left of the line, and its planes
        # from before.
        self._clipped: list[tuple[Layer, bool, list[Any]]] = []
        for side, left in ((predictions.clean, True), (predictions.adversarial, False)):
            for layer in side:
                self._part(controller, layer, left)
        self.name_sides()
        pair.viewer.scene.camera.events.zoom.connect(self._zoomed)
        self._turns = (pair.viewer.dims.events.order, pair.viewer.scene.camera.events.orientation)
        for event in self._turns:
            # Last: by then the view has been turned head up.
            event.connect(self._clip, position="last")
        self._clip()

    @property
    def watched(self) -> tuple[Layer, ...]:
        return (self.layer,)

    def belongs(self, layer: Layer) -> bool:
        return super().belongs(layer) and not any(layer is each for each in self._replaced)

    def true(self) -> bool:
        return shows(in_view(self.pair.viewer), self.layer)

    def settle(self) -> None:
        """Put the joined image on top of both again, under what is predicted."""
        layers = self.pair.viewer.layers
        fade(self.loan, self.layer, 1.0)
        if str(self.layer.blending) not in COVERING:
            self.layer.blending = "translucent_no_depth"
        if layers.index(self.layer) < layers.index(self.pair.front):
            self.put_over(self.layer, self.pair.front)
        for above in (*self.layers[1:], *(layer for layer, *_ in self._clipped)):
            if above in layers and layers.index(above) < layers.index(self.layer):
                self.put_over(above, self.layer)

    def leave(self) -> None:
        self.pair.viewer.scene.camera.events.zoom.disconnect(self._zoomed)
        for event in self._turns:
            event.disconnect(self._clip)
        for layer, _, before in self._clipped:
            layer.experimental_clipping_planes = before
        self._clipped = []
        super().leave()

    def hold_clean(self, loan: Loan) -> None:
        super().hold_clean(loan)
        # As a whole, not only left of the line.
        for layer, left, before in self._clipped:
            if left:
                layer.experimental_clipping_planes = before

    def release(self) -> None:
        self._clip()

    def set_share(self, share: float) -> None:
        """Move the line to a share of the image's width on the screen, from its left edge."""
        self.share = min(1.0, max(0.0, share))
        for layer in self.layers:
            if layer in self.pair.viewer.layers and isinstance(layer, Image | Labels):
                layer.refresh(extent=False, thumbnail=False)
        self._clip()

    def _part(self, controller: Controller, layer: Layer, left: bool) -> None:
        """Cut one layer of a prediction."""
        grade = layer.metadata.get(KEY)
        if isinstance(layer, Labels):
            none = np.broadcast_to(np.zeros((), layer.data.dtype), layer.data.shape)
            one, other = (layer.data, none) if left else (none, layer.data)
            halves = Halves(one, other, self._cut, lambda: (0, 0), self._line)
            names = ("colormap", "opacity", "blending", "metadata")
            look = {name: getattr(layer, name) for name in names}
            part = self.own_layer(controller, PARTS[not left], (halves, look, "labels"), layer)
            part.contour, part.editable = layer.contour, False
            self._replaced.append(layer)
            self.loan.set(layer, "visible", False)
        elif isinstance(grade, Grade) and not left:
            # Where the clean image's class stands, so that the line cuts both.
            text = str(layer.text.values[0]) if len(layer.text.values) else ""
            made = band(text, grade, self.pair.run.example.clean.grid, above=True)
            own = self.own_layer(controller, BAND, made, layer)
            self._replaced.append(layer)
            self.loan.set(layer, "visible", False)
            self._clipped.append((own, left, []))
        else:
            self._clipped.append((layer, left, list(layer.experimental_clipping_planes)))

    def _clip(self, event: Any = None) -> None:
        """Let napari cut at the line what it can cut."""
        line = self.world()
        if line is None:
            return
        mirrored = str(self.pair.viewer.scene.camera.orientation2d[1]) == "left"
        for layer, left, before in self._clipped:
            # In the world, as napari takes planes: the axis that runs across the screen comes last.
            normal = 1.0 if left == mirrored else -1.0
            plane = {"position": (0.0, 0.0, line), "normal": (0.0, 0.0, normal), "enabled": True}
            layer.experimental_clipping_planes = [*before, plane]

    def _line(self) -> int:
        """Return how many columns the line needs to be visible, however small the image is."""
        row, axis, _ = across(self.pair.viewer, self.pair.clean)
        pixel = abs(matrix_of(self.pair.clean)[row, axis]) * self.pair.viewer.scene.camera.zoom
        length: int = self.pair.clean.data.shape[axis]
        return min(length, max(1, math.ceil(1 / pixel - 0.01))) if pixel > 0 else 1

    def _zoomed(self, event: Any = None) -> None:
        wide, self._wide = self._wide, self._line()
        if wide != self._wide:
            self.set_share(self.share)

    def world(self) -> float | None:
        """Return where the line is on the world axis that runs across the screen, or None."""
        cut = self._cut()
        if cut is None:
            return None
        matrix, (axis, index, *_) = matrix_of(self.pair.clean), cut
        row = across(self.pair.viewer, self.pair.clean)[0]
        return float(matrix[row, -1] + matrix[row, axis] * (index - 0.5))

    def share_at(self, position: Any) -> float:
        """Return the share of the width at which a world position lies."""
        row, axis, reversed_ = across(self.pair.viewer, self.pair.clean)
        matrix = matrix_of(self.pair.clean)
        offset = len(position) - self.pair.clean.ndim
        index = (position[row + offset] - matrix[row, -1]) / matrix[row, axis] + 0.5
        share = index / self.pair.clean.data.shape[axis]
        return float(1 - share if reversed_ else share)

    def _cut(self) -> Cut | None:
        if self.pair.viewer.dims.ndisplay != 2:
            return None
        _, axis, reversed_ = across(self.pair.viewer, self.pair.clean)
        length = self.pair.clean.data.shape[axis]
        index = round((1 - self.share if reversed_ else self.share) * length)
        down = across(self.pair.viewer, self.pair.clean, screen=-2)[1]
        return axis, index, not reversed_, down

    def _ink(self) -> tuple[Any, Any]:
        if self.pair.clean.rgb:
            # napari takes floats from 0 to 1 as colours too.
            whole = self.pair.clean.data.dtype.kind in "iu"
            bright = np.array(LINE_COLOUR) / (1 if whole else 255)
            return bright, np.zeros(3)
        low, high = self.pair.clean.contrast_limits
        kind = np.result_type(self.pair.clean.data.dtype)
        if kind.kind in "iu":
            limits = np.iinfo(kind)
            return min(high, limits.max), max(low, limits.min)
        return high, low


def across(viewer: ViewerModel, layer: Image, screen: int = -1) -> tuple[int, int, bool]:
    """Return what runs across the screen: the layer's world axis, its data axis, and whether the
    data run from right to left. With `screen` -2, return what runs down it."""
    offset = viewer.dims.ndim - layer.ndim
    row = max(0, viewer.dims.displayed[screen] - offset)
    steps = matrix_of(layer)[row, :-1]
    axis = int(np.abs(steps).argmax())
    mirrored = str(viewer.scene.camera.orientation2d[1]) == "left"
    return row, axis, bool(steps[axis] < 0) != mirrored
