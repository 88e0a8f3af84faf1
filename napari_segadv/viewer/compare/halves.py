"""An array joined from two at a line whenever napari slices it, for any axes and in colour too."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...data.scan import Array

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
