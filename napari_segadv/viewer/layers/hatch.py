"""A hatch over the pixels that a target takes away from the prediction's structures.

It is computed for the plane that is shown, from the labels as they are at that moment: nothing is
stored, so it follows painting on a volume at no cost.
"""

from typing import Any

import numpy as np
from napari.layers import Labels

from ...common.palette import colour
from ...data.scan import Array
from .convert import painted
from .hidden_classes import colour_of, is_hidden
from .names import LayerTuple

# Lines along the longer side of the image, and least pixels from one line to the next.
LINES, LEAST = 40, 8
# Shares of that distance: the line, and the dark rim along it, which tells it apart from bright
# tissue.
LINE, RIM = 0.2, 0.12
DARK = 12


class Hatched:
    """Colours (*S, 4) of a hatch, as an array that napari can slice.

    Attributes:
        target: the labels that are wanted.
        clean: the labels that are predicted.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, target: Labels, clean: Labels) -> None:
        self.target, self.clean = target, clean
        self.shape: tuple[int, ...] = (*painted(clean).shape, 4)
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))
        # Lines are as steep on the screen in planes across the slices, which lie further apart.
        spacing = np.linalg.norm(np.atleast_2d(np.asarray(clean.scale, float)), axis=0)
        self._weights = spacing / spacing.min()
        self._period = max(LEAST, max(self.shape[:-1]) / LINES)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self[...], dtype=dtype)

    def __getitem__(self, key: Any) -> Array:
        """Return the colours at some of the pixels; of a whole volume, none."""
        keys = self._whole(key)
        pixels, last = keys[: self.ndim - 1], keys[self.ndim - 1 :]
        lost = self._lost(pixels)
        if lost.shape == self.shape[:-1] and sum(n > 1 for n in lost.shape) > 2:
            return np.broadcast_to(np.zeros(4, np.uint8), (*lost.shape, 4))[(..., *last)]
        colours = np.zeros((*lost.shape, 4), np.uint8)
        places = np.nonzero(lost)
        colours[places] = self._drawn(lost[places], places, pixels)
        return colours[(..., *last)]

    def _whole(self, key: Any) -> tuple[Any, ...]:
        keys = key if isinstance(key, tuple) else (key,)
        if any(each is Ellipsis for each in keys):
            place = next(n for n, each in enumerate(keys) if each is Ellipsis)
            fill = (slice(None),) * (self.ndim - len(keys) + 1)
            keys = (*keys[:place], *fill, *keys[place + 1 :])
        return (*keys, *(slice(None),) * (self.ndim - len(keys)))

    def _lost(self, keys: tuple[Any, ...]) -> Array:
        """Return the class that each pixel loses; 0 for none."""
        predicted, wanted = painted(self.clean)[keys], painted(self.target)[keys]
        if predicted.shape != wanted.shape:
            return np.zeros_like(predicted)
        return np.where(predicted != wanted, predicted, 0)

    def _drawn(self, lost: Array, places: tuple[Array, ...], keys: tuple[Any, ...]) -> Array:
        """Return the colours (K, 4) of pixels, as bytes.

        Args:
            lost: the class of each.
            places: where they are in the plane.
            keys: the indices that made the plane.
        """
        axes = [n for n, key in enumerate(keys) if not isinstance(key, (int, np.integer))]
        way = np.zeros(len(lost))
        for axis, index in zip(axes, places, strict=True):
            along = np.arange(self.shape[axis])[keys[axis]]
            # The lines of one slice are those of the next: they don't run while the user scrolls.
            if len(along) > 1:
                way += self._weights[axis] * along[index]
        phase = way / self._period % 1.0
        drawn = self._colours(lost)[lost]
        drawn[phase >= LINE, :3] = DARK
        drawn[(phase >= LINE + RIM) | (drawn[:, 3] == 0)] = 0
        return drawn

    def _colours(self, lost: Array) -> Array:
        """Return the colours (K, 4) of class numbers, as bytes; hidden classes have none."""
        present = np.flatnonzero(np.bincount(lost))
        rgba = np.zeros((int(present.max(initial=0)) + 1, 4))
        for label in present.tolist():
            if not is_hidden(self.clean, label):
                own = colour_of(self.clean, label)
                rgba[label] = (*(colour(label) if own is None else own), 1.0)
        return np.rint(255 * rgba).astype(np.uint8)


def hatch_tuple(target: Labels, clean: Labels) -> LayerTuple:
    """Return the layer of a hatch, without its place."""
    keywords = {"rgb": True, "blending": "translucent_no_depth", "opacity": 0.9}
    return Hatched(target, clean), keywords, "image"
