"""Small pictures of slices, as the viewer shows them: same window, same colours, same side up."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image

from ...common.palette import overlay
from ...data.scan import Array, Grid, Mask
from ..layers.borders import borders
from ..layers.names import SEE_THROUGH
from ..layers.places import matrix_of
from ..layers.upright import orientation
from .contours import CONTOURS, HIDDEN, Role

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A small picture of a slice.

    Attributes:
        pixels: (rows, columns, 3), about as large as it is shown.
        lines: contours over it, (N, 2, 2) as (row, column), in shares of its height and width.
        colour: of the contours.
    """

    pixels: Bytes
    lines: Array
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class Facing:
    """How the slices of a volume lie on the screen.

    Attributes:
        flips: whether rows run from the bottom to the top, and columns from right to left.
        aspect: height of a pixel over its width.
    """

    flips: tuple[bool, bool]
    aspect: float

    @classmethod
    def of(cls, image: Image, grid: Grid) -> "Facing":
        """Return how an image layer's slices lie on the screen."""
        steps = np.diag(matrix_of(image)[:-1, :-1])[-2:]
        ways = ("down", "right")
        if grid.physical and grid.ndim == 3:
            ways = orientation(grid, [-2, -1])
        flips = (
            bool(steps[0] < 0) != (ways[0] == "up"),
            bool(steps[1] < 0) != (ways[1] == "left"),
        )
        sizes = np.abs(steps)
        return cls(flips, float(sizes[0] / sizes[1]) if sizes.all() else 1.0)

    def turned(self, plane: Array) -> Array:
        """Return a slice as it lies on the screen."""
        for axis, flip in enumerate(self.flips):
            plane = np.flip(plane, axis) if flip else plane
        return plane


def thumbnail(
    image: Image, facing: Facing, plane: Array, labels: Any, look: str, role: Role, size: int
) -> Thumbnail:
    """Return a small picture of a slice with its prediction.

    Args:
        image: whose window and colours it gets.
        facing: how it lies on the screen.
        plane: the slice of the image.
        labels: the slice of the prediction; None for none.
        look: one of LOOKS, for the prediction.
        role: whose colour the contours get.
        size: about the largest side, in pixels.
    """
    every = max(1, math.ceil(max(plane.shape[:2]) / size))
    pixels = _in_colours(image, facing.turned(_smaller(plane, every)))
    lines = np.zeros((0, 2, 2))
    if isinstance(labels, np.ndarray) and look != HIDDEN:
        upright = facing.turned(labels)
        if look == CONTOURS:
            lines = (borders(upright) + 0.5) / upright.shape
        else:
            shade = facing.turned(overlay(_picked(labels, every), SEE_THROUGH))
            opacity = shade[..., 3:]
            pixels = pixels * (1 - opacity) + 255 * shade[..., :3] * opacity
    return Thumbnail(np.clip(pixels, 0, 255).astype(np.uint8), lines, role.colour)


def slice_labels(prediction: Any, number: int) -> Array | None:
    """Return a slice of a label map; None for boxes and grades."""
    return prediction.array[number] if isinstance(prediction, Mask) else None


def _smaller(plane: Array, every: int) -> Array:
    """Return the means of blocks of pixels; the last pixels that fill none are left out."""
    rows, columns = (max(1, n // every) for n in plane.shape[:2])
    step = (min(every, plane.shape[0]), min(every, plane.shape[1]))
    whole = plane[: rows * step[0], : columns * step[1]].astype(np.float32)
    blocks = whole.reshape(rows, step[0], columns, step[1], *plane.shape[2:])
    means: Array = blocks.mean(axis=(1, 3))
    return means


def _picked(labels: Array, every: int) -> Array:
    """Return the labels in the middle of the same blocks."""
    rows, columns = (max(1, n // every) for n in labels.shape)
    start = tuple(min(every // 2, n - 1) for n in labels.shape)
    picked: Array = labels[start[0] :: every, start[1] :: every][:rows, :columns]
    return picked


def _in_colours(image: Image, plane: Array) -> Array:
    """Return a plane in the colours in which a layer shows it, from 0 to 255."""
    if image.rgb:
        most = 255.0 if image.data.dtype.kind in "iu" else 1.0
        return 255 * np.clip(plane[..., :3] / most, 0, 1)
    low, high = image.contrast_limits
    shares = np.clip((plane - low) / (high - low), 0, 1) ** image.gamma
    found: Array = 255 * image.colormap.map(shares.ravel())[:, :3].reshape(*plane.shape, 3)
    return found
