"""Swipe: left of a line the clean image, right of it the adversarial one."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from ...data.scan import Array
from ..controller.controller import Controller
from ..layers.convert import looking_like
from ..layers.names import KEY
from ..layers.places import matrix_of
from .pair import Mode, Pair, caption

SWIPE = "swipe"
# Length of a dash in rows. Bright and dark dashes show the line on bone and on air.
DASH = 4
LINE_COLOUR = (255, 220, 0)

# (data axis that runs across the screen, index of the line on it, whether the clean image lies
# below that index, data axis that runs down the screen)
Cut = tuple[int, int, bool, int]


class Halves:
    """An array joined from two whenever napari slices it: clean on one side of a line.

    Args:
        clean, adversarial: arrays of the same shape.
        cut: returns where the line is now; None for no line.
        ink: returns the values of the line's bright and dark dashes.
        width: returns the width of the line, in pixels of the data.
    """

    def __init__(
        self,
        clean: Array,
        adversarial: Array,
        cut: Callable[[], Cut | None],
        ink: Callable[[], tuple[Any, Any]],
        width: Callable[[], int] = lambda: 1,
    ) -> None:
        self._clean, self._adversarial, self._cut, self._ink = clean, adversarial, cut, ink
        self._width = width
        self.shape, self.ndim, self.size = clean.shape, clean.ndim, clean.size
        self.dtype = np.result_type(clean, adversarial)

    def __getitem__(self, key: Any) -> Array:
        """Return the slice; only its clean part is copied twice."""
        key = key if isinstance(key, tuple) else (key,)
        if Ellipsis in key:
            at = key.index(Ellipsis)
            fill = (slice(None),) * (self.ndim - len(key) + 1)
            key = (*key[:at], *fill, *key[at + 1 :])
        key = (*key, *(slice(None),) * (self.ndim - len(key)))
        joined = np.array(self._adversarial[key], dtype=self.dtype)
        cut = self._cut()
        if cut is None or not isinstance(key[cut[0]], slice):
            return joined
        axis, index, below, down = cut
        # The axis's place in the slice, and which of its pixels the slice holds.
        place = sum(isinstance(k, slice) for k in key[:axis])
        pixels = np.arange(self.shape[axis])[key[axis]]
        part = pixels < index if below else pixels >= index
        view, source = np.moveaxis(joined, place, 0), np.moveaxis(self._clean[key], place, 0)
        view[part] = source[part]
        width = self._width()
        first = min(index, self.shape[axis] - width)
        line = np.flatnonzero((pixels >= first) & (pixels < first + width))
        if isinstance(key[down], slice):
            # The place in the slice of the axis that runs down the screen.
            self._draw(view, line, sum(isinstance(k, slice) for k in key[:down]) - (axis < down))
        else:
            view[line] = self._ink()[0]
        return joined

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self[()], dtype=dtype)

    def _draw(self, view: Array, line: Array, down: int) -> None:
        """Draw the line into some planes of an array, in dashes along their axis `down`."""
        bright, dark = self._ink()
        view = np.moveaxis(view, down + 1, 1)
        dashes = (np.arange(view.shape[1]) // DASH) % 2 == 0
        for index in line:
            view[index][dashes] = bright
            view[index][~dashes] = dark


class Swipe(Mode):
    """One layer above the pair, joined slice by slice: for any axes shown, and in colour too."""

    name = SWIPE

    def __init__(self, pair: Pair, controller: Controller, share: float = 0.5) -> None:
        super().__init__(pair)
        self.share = share
        example = pair.run.example
        arrays = (example.clean.array, example.adversarial.array)
        halves = Halves(*arrays, self._cut, self._ink, self._line)
        keywords = {
            **looking_like(pair.clean),
            "rgb": pair.clean.rgb,
            "metadata": {KEY: example.clean.grid},
            "interpolation2d": pair.clean.interpolation2d,
        }
        pair.alone(self.loan)
        self._wide = self._line()
        self.layer = self.own_layer(controller, SWIPE, (halves, keywords, "image"))
        caption(self.loan, pair.viewer, "left: clean, right: adversarial")
        pair.viewer.scene.camera.events.zoom.connect(self._zoomed)

    def leave(self) -> None:
        self.pair.viewer.scene.camera.events.zoom.disconnect(self._zoomed)
        super().leave()

    def set_share(self, share: float) -> None:
        """Move the line to a share of the image's width on the screen, from its left edge."""
        self.share = min(1.0, max(0.0, share))
        if self.layer in self.pair.viewer.layers:
            self.layer.refresh(extent=False, thumbnail=False)

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
