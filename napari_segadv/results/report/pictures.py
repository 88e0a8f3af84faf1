"""The pictures of a report: images, noise and outlines of structures, for drawing by SVG."""

import base64
import io
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from ...common.palette import colour
from ...common.wording import with_units
from ...data.boxes import Boxes
from ...data.presentation import Presentation
from ...data.scan import Array, Mask, one_component
from ...victims.prediction import Prediction
from ..example import Example
from .views import Plane

# Noise is drawn from blue over white to red; that of this share of the pixels is in the range.
NOISE, SHARE = "RdBu_r", 99.5
MIDDLE = 127
# Points of an outline that are kept within this distance of the true one, in pixels.
TOLERANCE, COARSE, MOST_POINTS = 0.05, 0.7, 40_000


@dataclass(frozen=True)
class Outline:
    """A structure on a plane: its colour, its name, and the path around it for SVG."""

    name: str
    colour: str
    path: str


@dataclass(frozen=True)
class Box:
    """A box on a plane: its colour and text, and its place from the upper left corner."""

    text: str
    colour: str
    x: float
    y: float
    width: float
    height: float


def brightness(plane: Plane, array: Array, shown: Presentation) -> str:
    """Return a slice of an image in a window, as the address of a PNG."""
    values = shown(_smaller(plane.cut(array).astype(np.float64), plane.factor))
    return png(np.rint(255 * values).astype(np.uint8))


def noise(plane: Plane, example: Example) -> tuple[str, float]:
    """Return the noise of a slice as the address of a PNG, and the value of the darkest red.

    A few pixels may have changed by more; they are drawn as dark.
    """
    cut = plane.cut(example.noise_counted)
    values = one_component(cut, example.clean.multichannel).astype(np.float64)
    values = _strongest(values, plane.factor)
    size = np.abs(values)
    some = size[size > 0]
    most = float(np.percentile(some, SHARE)) if some.size else 1.0
    levels = np.rint(MIDDLE + MIDDLE * np.clip(values / most, -1, 1)).astype(np.uint8)
    image = Image.fromarray(levels, "P")
    image.putpalette(np.concatenate([shades(), np.zeros((1, 3), np.uint8)]).tobytes())
    return _address(image), most


@cache
def shades() -> npt.NDArray[np.uint8]:
    """Return red, green and blue of the noise's colours, from the lowest to the highest."""
    from matplotlib import colormaps

    rows = colormaps[NOISE](np.linspace(0, 1, 2 * MIDDLE + 1))[:, :3]
    bytes_: npt.NDArray[np.uint8] = np.rint(255 * rows).astype(np.uint8)
    return bytes_


def stops(count: int = 9) -> list[tuple[int, str]]:
    """Return places in percent and colours of a bar of the noise's colours."""
    picked = np.linspace(0, 2 * MIDDLE, count).round().astype(int)
    return [(round(100 * n / (2 * MIDDLE)), _hex(*shades()[n])) for n in picked.tolist()]


def outlines(plane: Plane, drawn: Prediction | None) -> tuple[Outline, ...]:
    """Return the structures that a label map has on a plane; none for other predictions."""
    if not isinstance(drawn, Mask):
        return ()
    labels = plane.cut(drawn.array)
    return tuple(
        Outline(drawn.class_name(label), shade(label), _path(labels == label, plane))
        for label in np.unique(labels).tolist()
        if label
    )


def boxes(plane: Plane, drawn: Prediction | None) -> tuple[Box, ...]:
    """Return the boxes that a plane shows of a prediction; none for other predictions."""
    if not isinstance(drawn, Boxes):
        return ()
    if plane.number is not None:
        drawn = drawn.on_slice(plane.number)
    found = []
    for corners, label, text in zip(drawn.corners, drawn.labels, drawn.texts, strict=True):
        (top, left), (high, wide) = corners[:2], corners[2:] - corners[:2]
        if plane.turn[0].step == -1:
            top = plane.shape[0] - top - high
        if plane.turn[1].step == -1:
            left = plane.shape[1] - left - wide
        down, across = plane.pixel
        place = [left * across, top * down, wide * across, high * down]
        found.append(Box(text, shade(int(label)), *(round(float(n), 2) for n in place)))
    return tuple(found)


def shade(label: int) -> str:
    """Return the colour of a class, as in the viewer."""
    return _hex(*(round(255 * part) for part in colour(label)))


def ends(most: float, units: str) -> tuple[str, str]:
    """Return the texts at the two ends of the bar of the noise's colours."""
    return f"\N{MINUS SIGN}{most:.3g}", with_units(f"+{most:.3g}", units)


def png(array: npt.NDArray[np.uint8]) -> str:
    """Return grey bytes (y, x), or RGB ones (y, x, 3), as the address of a PNG."""
    return _address(Image.fromarray(array))


def _address(image: Image.Image) -> str:
    data = io.BytesIO()
    image.save(data, "PNG", optimize=False)
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode("ascii")


def _blocks(values: Array, factor: int) -> Array:
    """Return an array as (rows, columns, pixels of a block, ...)."""
    rows, columns = (n // factor for n in values.shape[:2])
    more = values.shape[2:]
    cut = values[: rows * factor, : columns * factor]
    split = cut.reshape(rows, factor, columns, factor, *more)
    joined: Array = np.moveaxis(split, 1, 2).reshape(rows, columns, factor * factor, *more)
    return joined


def _smaller(values: Array, factor: int) -> Array:
    """Return the mean of each block."""
    return values if factor == 1 else _blocks(values, factor).mean(axis=2)


def _strongest(values: Array, factor: int) -> Array:
    """Return of each block the value that is furthest from 0: the mean would hide the noise."""
    if factor == 1:
        return values
    blocks = _blocks(values, factor)
    place = np.abs(blocks).argmax(axis=2)[..., None]
    return np.take_along_axis(blocks, place, axis=2)[..., 0]


def _path(inside: npt.NDArray[np.bool_], plane: Plane) -> str:
    """Return the path around the pixels of a structure, in mm or pixels from the upper left."""
    from skimage.measure import approximate_polygon, find_contours

    found = find_contours(np.pad(inside, 1).astype(np.float32), 0.5)
    tolerance = TOLERANCE if sum(map(len, found)) < MOST_POINTS else COARSE
    parts = []
    for line in found:
        # Less the padding; a pixel's centre is half a pixel from its edge.
        points = (approximate_polygon(line, tolerance) - 0.5) * plane.pixel
        words = " ".join(f"{round(x, 2):g},{round(y, 2):g}" for y, x in points[:-1].tolist())
        parts.append(f"M{words}Z")
    return "".join(parts)


def _hex(red: int, green: int, blue: int) -> str:
    return f"#{red:02x}{green:02x}{blue:02x}"
