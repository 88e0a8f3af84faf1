"""Labels and boxes that a user has painted or drawn, as a session saves and shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes

from ...common.screen import untagged
from ...common.wording import class_name
from ...data.boxes import Boxes, swapped
from ...data.scan import Grid, Mask, Scan
from ...errors import SegadvError
from ..layers.convert import check_labels, class_keywords
from ..layers.names import KEY, PART, LayerTuple
from ..layers.places import grid_from, matrix_in_mm, placed_like, same_place
from ..layers.structure_layers import set_of
from ..layers.tasks.detection import CLASS, boxes_in, outlines

if TYPE_CHECKING:
    from ...results.session.session import SessionBoxes, SessionLabels

# A class number above this does not name a structure.
MOST_NAMES = 4096


@dataclass(frozen=True, eq=False)
class Own:
    """One of the user's own layers.

    Attributes:
        layer: copied if it can be painted on.
        image: the image that it belongs to; None: none.
        target: whether it is that image's target.
    """

    layer: Layer
    image: Image | None
    target: bool


def painted_labels(
    layers: Sequence[Own], images: Sequence[tuple[Image, Scan]], left_out: dict[Own, str]
) -> "tuple[SessionLabels, ...]":
    """Return the labels among a user's layers.

    Args:
        layers: the user's own.
        images: those that are saved with them.
        left_out: gets each layer that can't be saved, and why, in one line.
    """
    from ...results.session.session import SessionLabels

    found = []
    for own in layers:
        layer = own.layer
        if not isinstance(layer, Labels):
            continue
        try:
            place = place_of(layer, own.image, images)
            grid = own_grid(layer) if place is None else images[place][1].grid
            target = own.target and place is not None
            found.append(SessionLabels(layer.name, mask_in(layer, grid), place, target))
        except SegadvError as error:
            left_out[own] = str(error)
    return tuple(found)


def joined(layer: Layer) -> Labels | None:
    """Copy a target of several layers as one, of the numbers of combinations; None: it is of one.

    A session keeps one label map, whatever has shown it.
    """
    found = set_of(layer)
    if found is None or not isinstance(layer, Labels) or not found.whole:
        return None
    metadata = {key: kept for key, kept in layer.metadata.items() if key != PART}
    keywords = {**class_keywords(found.classes), **placed_like(layer), "metadata": metadata}
    return Labels(found.numbers(), name=found.name, **keywords)


def place_of(
    layer: Labels, image: Image | None, images: Sequence[tuple[Image, Scan]]
) -> int | None:
    """Return the number of the image that labels belong to and lie on; None if on none.

    Another image of the same size at the same place, which may be another patient's, is not asked.
    """
    for number, (each, scan) in enumerate(images):
        if each is image and layer.data.shape == scan.grid.shape and same_place(layer, each):
            return number
    return None


def own_grid(layer: Labels) -> Grid:
    """Return the grid of labels that lie on no image."""
    known, shape = layer.metadata.get(KEY), tuple(layer.data.shape)
    if isinstance(known, Grid) and known.shape == shape:
        return known
    if len(shape) not in (2, 3):
        raise SegadvError(f"layer {layer.name}: must be a 2-D or 3-D label map")
    return grid_from(matrix_in_mm(layer), shape)


def mask_in(layer: Labels, grid: Grid) -> Mask:
    """Return a copy of a layer's labels, with the names of their classes.

    Raises:
        SegadvError: if no file can hold them.
    """
    array = np.array(layer.data)
    check_labels(array, f"layer {layer.name}")
    features: Any = layer.features
    names: dict[int, str] = {}
    if {"index", "class"} <= set(features.columns):
        rows = zip(features["index"], features["class"], strict=True)
        numbered = ((_whole(n), str(name)) for n, name in rows)
        names = {n: name for n, name in numbered if n is not None and 0 <= n < MOST_NAMES}
    known = range(max(names) + 1) if names else range(0)
    return Mask(array, grid, tuple(names.get(n, class_name(n)) for n in known))


def window_of_layer(layer: Image) -> tuple[float, float] | None:
    """Return the window that an image is shown in; None if it has none."""
    if layer.rgb:
        return None
    low, high = (float(limit) for limit in layer.contrast_limits)
    return (low, high) if np.isfinite([low, high]).all() and low < high else None


def has_boxes(layer: Layer) -> bool:
    """Return whether a session keeps what is drawn on a layer: shapes that have classes."""
    return isinstance(layer, Shapes) and CLASS in layer.features


def drawn_boxes(
    layers: Sequence[Own], images: Sequence[tuple[Image, Scan]], left_out: dict[Own, str]
) -> "tuple[SessionBoxes, ...]":
    """Return the boxes among a user's layers: shapes that have classes.

    Args:
        layers: the user's own.
        images: those that are saved with them.
        left_out: gets each layer that can't be saved, and why, in one line.
    """
    from ...results.session.session import SessionBoxes

    found = []
    for own in layers:
        layer = own.layer
        if not has_boxes(layer):
            continue
        place = next((n for n, (image, _) in enumerate(images) if image is own.image), None)
        try:
            if place is None:
                raise SegadvError(f"layer {layer.name}: lies on no image that is saved")
            image, scan = images[place]
            found.append(SessionBoxes(layer.name, boxes_of(layer, image, scan), place))
        except SegadvError as error:
            left_out[own] = str(error)
    return tuple(found)


def boxes_of(layer: Shapes, image: Image, scan: Scan) -> Boxes:
    """Return a layer of shapes as boxes in the pixels of an image.

    Raises:
        SegadvError: if a shape has no class.
    """
    drawn = boxes_in(layer, image)
    known = layer.metadata.get(KEY)
    classes = list(known.classes) if isinstance(known, Boxes) else []
    classes = classes or ["background"]
    classes += sorted({one["class"] for one in drawn} - set(classes))
    corners = np.array([one["box"] for one in drawn], np.float32).reshape(-1, 2 * layer.ndim)
    labels = [classes.index(one["class"]) for one in drawn]
    return Boxes.of(swapped(corners), labels, scan.grid, tuple(classes))


def boxes_tuple(boxes: Boxes, name: str) -> LayerTuple:
    """Return a layer of shapes that can be edited, and can be a target."""
    data, keywords, kind = outlines(boxes)
    return data, {**keywords, "name": untagged(name)}, kind


def _whole(value: Any) -> int | None:
    """Return a value as a whole number, or None: a user's table may hold anything.

    pandas makes floats of a column with gaps.
    """
    try:
        return int(value) if int(value) == value else None
    except (TypeError, ValueError, OverflowError):
        return None
