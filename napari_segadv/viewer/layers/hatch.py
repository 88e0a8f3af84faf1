"""A hatch over the pixels that a target takes away from the prediction's structures.

It is computed for the plane that is shown, from the labels as they are at that moment: nothing is
stored, so it follows painting on a volume at no cost.
"""

from typing import Any

import numpy as np
from napari.layers import Labels
from scipy import ndimage

from ...common.palette import colour
from ...data.scan import Array
from ...measures.sizes import Box
from .convert import painted
from .hidden_classes import colour_of, is_hidden
from .names import LayerTuple
from .structure_layers import numbers_in, overlaps

# Lines along the longer side of the image, and least pixels from one line to the next.
LINES, LEAST = 40, 8
# Shares of that distance: the line, and the dark rim along it, which tells it apart from bright
# tissue.
LINE, RIM = 0.2, 0.12
DARK = 0.05
BETWEEN, ON_LINE, ON_RIM = range(3)
# Steps of a pixel in which the distance along the lines is counted.
FINE = 4


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
        for box in ndimage.find_objects((lost != 0).view(np.uint8)):
            colours[box] = self._drawn(lost[box], pixels, box)
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
        predicted, wanted = painted(self.clean)[keys], numbers_in(self.target, keys)
        if predicted.shape != wanted.shape:
            return np.zeros_like(predicted)
        if overlaps(self.clean) and overlaps(self.target):
            # The structures that are gone: those that were added take nothing away.
            gone: Array = predicted & ~wanted.astype(predicted.dtype)
            return gone
        return np.where(predicted != wanted, predicted, 0)

    def _drawn(self, lost: Array, keys: tuple[Any, ...], box: Box) -> Array:
        """Return the colours (*lost.shape, 4) of pixels, as bytes.

        Args:
            lost: the class that each loses.
            keys: the indices of the plane.
            box: the part of the plane where the pixels are.
        """
        axes = [n for n, key in enumerate(keys) if not isinstance(key, (int, np.integer))]
        way = np.zeros((1,) * lost.ndim, np.int32)
        for place, axis in enumerate(axes):
            along = np.arange(self.shape[axis])[keys[axis]]
            # The lines of one slice are those of the next: they don't run while the user scrolls.
            if len(along) > 1:
                steps = np.rint(FINE * self._weights[axis] * along[box[place]]).astype(np.int32)
                way = way + steps.reshape([-1 if n == place else 1 for n in range(lost.ndim)])
        phase = np.arange(int(way.max(initial=0)) + 1) / (FINE * self._period) % 1.0
        kind = np.where(phase < LINE, ON_LINE, np.where(phase < LINE + RIM, ON_RIM, BETWEEN))
        colours = self._colours(lost)
        # One look-up of four bytes for each pixel: a film has nine million.
        rows = (kind * colours.shape[1]).astype(np.int32)
        drawn: Array = colours.reshape(-1)[rows[way] + lost].view(np.uint8)
        return drawn.reshape(*lost.shape, 4)

    def _colours(self, lost: Array) -> Array:
        """Return the colours (3, K) on lines, on rims and between, by class number, as four bytes.

        Hidden classes, and pixels that lose none, have none.
        """
        present = np.flatnonzero(np.bincount(lost.ravel(), minlength=1)).tolist()
        rgba = np.zeros((3, max(present, default=0) + 1, 4))
        for label in present:
            if label and not is_hidden(self.clean, label):
                own = colour_of(self.clean, label)
                rgba[ON_LINE, label] = (*(colour(label) if own is None else own), 1.0)
                rgba[ON_RIM, label] = (DARK, DARK, DARK, 1.0)
        return np.rint(255 * rgba).astype(np.uint8).view(np.uint32)[..., 0]


def hatch_tuple(target: Labels, clean: Labels) -> LayerTuple:
    """Return the layer of a hatch, without its place."""
    keywords = {"rgb": True, "blending": "translucent_no_depth", "opacity": 0.9}
    return Hatched(target, clean), keywords, "image"
