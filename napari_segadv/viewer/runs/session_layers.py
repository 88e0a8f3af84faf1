"""What a user has painted and drawn, as a session saves it and shows it again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes

from ...common.wording import class_name
from ...data.boxes import Boxes, swapped
from ...data.scan import Grid, Mask, Scan
from ...errors import SegadvError
from ..layers.convert import check_labels
from ..layers.names import KEY, LayerTuple
from ..layers.places import grid_from, matrix_of, same_place
from ..layers.tasks.detection import CLASS, boxes_in, outlines

if TYPE_CHECKING:
    from ...results.session.session import SessionBoxes, SessionLabels

# Names for more classes than this are no names of structures.
MOST_NAMES = 4096


def painted_labels(
    layers: Sequence[Layer],
    images: Sequence[tuple[Image, Scan]],
    target: Layer | None,
    notes: list[str],
) -> "tuple[tuple[SessionLabels, ...], int | None]":
    """The labels among a user's layers, and the number of the target.

    Args:
        layers: the user's own.
        images: those that are saved along.
        target: the layer that is the target.
        notes: gets a line for each layer that can't be saved.
    """
    from ...results.session.session import SessionLabels

    found, number = [], None
    for layer in layers:
        if not isinstance(layer, Labels):
            continue
        try:
            place = place_of(layer, images)
            grid = own_grid(layer) if place is None else images[place][1].grid
            found.append(SessionLabels(layer.name, mask_in(layer, grid), place))
        except SegadvError as error:
            notes.append(str(error))
            continue
        if layer is target:
            number = len(found) - 1
    return tuple(found), number


def place_of(layer: Labels, images: Sequence[tuple[Image, Scan]]) -> int | None:
    """The number of the image that labels lie on, pixel for pixel."""
    for number, (image, scan) in enumerate(images):
        if layer.data.shape == scan.grid.shape and same_place(layer, image):
            return number
    return None


def own_grid(layer: Labels) -> Grid:
    """The grid of labels that lie on no image."""
    known, shape = layer.metadata.get(KEY), tuple(layer.data.shape)
    if isinstance(known, Grid) and known.shape == shape:
        return known
    if len(shape) not in (2, 3):
        raise SegadvError(f"layer {layer.name}: is no 2-D or 3-D label map")
    return grid_from(matrix_of(layer), shape)


def mask_in(layer: Labels, grid: Grid) -> Mask:
    """A copy of what a layer holds, with the names of its classes.

    Raises:
        SegadvError: where no file can hold it.
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
    """The window that an image is looked at in."""
    if layer.rgb:
        return None
    low, high = (float(limit) for limit in layer.contrast_limits)
    return (low, high) if np.isfinite([low, high]).all() and low < high else None


def drawn_boxes(
    layers: Sequence[Layer], images: Sequence[tuple[Image, Scan]], notes: list[str]
) -> "tuple[SessionBoxes, ...]":
    """The boxes among a user's layers: shapes that have classes.

    Args:
        layers: the user's own, bottom to top.
        images: those that are saved along.
        notes: gets a line for each layer that can't be saved.
    """
    from ...results.session.session import SessionBoxes

    found = []
    for place, layer in enumerate(layers):
        if not isinstance(layer, Shapes) or CLASS not in layer.features:
            continue
        below = layers[:place]
        fitting = [n for n, (image, _) in enumerate(images) if image.ndim == layer.ndim]
        # Boxes belong to the image that they lie on, the nearest below them.
        fitting.sort(key=lambda n: below.index(images[n][0]) if images[n][0] in below else -1)
        try:
            if not fitting:
                raise SegadvError(f"layer {layer.name}: lies on no image that is saved")
            image, scan = images[fitting[-1]]
            found.append(SessionBoxes(layer.name, boxes_of(layer, image, scan), fitting[-1]))
        except SegadvError as error:
            notes.append(str(error))
    return tuple(found)


def boxes_of(layer: Shapes, image: Image, scan: Scan) -> Boxes:
    """What a layer of shapes means in the pixels of an image.

    Raises:
        SegadvError: where a shape has no class.
    """
    wanted = boxes_in(layer, image)
    known = layer.metadata.get(KEY)
    classes = list(known.classes) if isinstance(known, Boxes) else []
    classes = classes or ["background"]
    classes += sorted({one["class"] for one in wanted} - set(classes))
    corners = np.array([one["box"] for one in wanted], np.float32).reshape(-1, 2 * layer.ndim)
    labels = [classes.index(one["class"]) for one in wanted]
    return Boxes.of(swapped(corners), labels, scan.grid, tuple(classes))


def boxes_tuple(boxes: Boxes, name: str) -> LayerTuple:
    """A layer of shapes that can be edited, and be a target."""
    data, keywords, kind = outlines(boxes)
    return data, {**keywords, "name": name}, kind


def _whole(value: Any) -> int | None:
    """A whole number; a table of the user's may hold anything, and pandas' gaps make floats."""
    try:
        return int(value) if int(value) == value else None
    except (TypeError, ValueError, OverflowError):
        return None
