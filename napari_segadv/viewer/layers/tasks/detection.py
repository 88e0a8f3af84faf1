"""Detection in the viewer: boxes as shapes, and targets that are edited copies of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from napari.layers import Image, Layer, Shapes

from ....common.palette import colour
from ....common.screen import untagged
from ....data.boxes import Boxes
from ....data.scan import Array, Scan
from ....errors import SegadvError
from ..convert import legend
from ..names import AFTER, CLEAN, KEY, LayerTuple
from ..places import matrix_of
from ..task_view import TaskView

if TYPE_CHECKING:
    from ....results.example import Example

CLASS, SCORE = "class", "score"
# Widths of lines in pixels of the image, and size of the text in points.
WIDTH, THIN, FONT = 1.0, 0.5, 9
PLAIN = (1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Erasure:
    """A target that erases: "none" for every box, "none:2" for those of a class."""

    text: str


# The same object each time: Qt identifies a chosen value by its identity.
erasure = cache(Erasure)


class DetectionView(TaskView):
    """A prediction is a rectangle for each box; a target is another shapes layer, or no box.

    A copy of a prediction (napari's "Duplicate layer") is edited with napari's tools: boxes can
    be moved, drawn and deleted, and get another class in the features table.
    """

    name: ClassVar[str] = "detection"
    on_top: ClassVar[bool] = True
    missing: ClassVar[str] = "choose a target: what to erase, or an edited copy of the boxes"

    def clean(self, prediction: Boxes, scan: Scan) -> LayerTuple:
        return outlines(prediction)

    def pair(self, example: "Example") -> dict[str, LayerTuple]:
        before, after = example.prediction_clean, example.prediction_adversarial
        assert isinstance(before, Boxes)
        assert isinstance(after, Boxes)
        return {
            CLEAN: outlines(before, edge_width=THIN, visible=False),
            AFTER: outlines(after),
        }

    def follow(self, layers: Sequence[Layer]) -> None:
        for layer in layers:
            if isinstance(layer, Shapes):
                # Colours and texts follow the classes that a user gives. The features table emits
                # no event when it is edited, so the next selection or mouse move shows the edits.
                layer.events.features.connect(recolour)
                layer.events.highlight.connect(recolour)

    def choices(self, layers: Sequence[Layer], classes: Sequence[str]) -> list[Any]:
        found = [layer for layer in reversed(layers) if isinstance(layer, Shapes)]
        erased = [("no boxes at all", erasure("none"))]
        erased += [(f"no {c}", erasure(f"none:{n}")) for n, c in enumerate(classes) if n]
        return [*found, *erased]

    def plain(self, chosen: Any) -> int | str | None:
        return chosen.text if isinstance(chosen, Erasure) else None

    def wanted(self, chosen: Shapes | Erasure, beside: Image, scan: Scan) -> Any:
        return chosen.text if isinstance(chosen, Erasure) else boxes_in(chosen, beside)

    def legend(self, classes: Sequence[str]) -> str:
        return legend({n: name for n, name in enumerate(classes) if n})


def outlines(boxes: Boxes, **more: Any) -> LayerTuple:
    """Return a shapes layer of boxes in the pixels of their image, with class and score beside.

    A box in a volume is a rectangle on each of its slices.
    """
    drawn = [(index, shape) for index in range(boxes.count) for shape in rectangles(boxes, index)]
    order = [index for index, _ in drawn]
    names = [untagged(boxes.class_name(int(label))) for label in boxes.labels[order]]
    listed = [untagged(name) for name in boxes.classes[1:]]
    known = list(dict.fromkeys(listed)) or sorted(set(names)) or ["box"]
    scored = boxes.scores[order].tolist() if len(boxes.scores) else []
    scores = [f"{score:.2f}" for score in scored] or [""] * len(drawn)
    features = pd.DataFrame(
        {
            CLASS: pd.Categorical(names, categories=known),
            SCORE: pd.Series(scores, dtype=object),
        }
    )
    # Without shapes, napari accepts a single colour but not an empty list.
    shades = [(*colour(int(label)), 1.0) for label in boxes.labels[order]] or "white"
    keywords = {
        "ndim": boxes.grid.ndim,
        "shape_type": "rectangle",
        "features": features,
        "feature_defaults": {CLASS: known[0], SCORE: ""},
        "face_color": "transparent",
        "edge_color": shades,
        "edge_width": WIDTH,
        "text": {
            "string": f"{{{CLASS}}} {{{SCORE}}}",
            "size": FONT,
            "anchor": "upper_left",
            "color": shades,
        },
        "opacity": 1.0,
        "metadata": {KEY: boxes},
        **more,
    }
    return [shape for _, shape in drawn], keywords, "shapes"


def rectangles(boxes: Boxes, index: int) -> list[Array]:
    """Return the rectangles (4, d) of a box: one, or in a volume one on each of its slices."""
    corners = boxes.corners[index]
    if boxes.grid.ndim == 2:
        return [rectangle(corners)]
    flat = rectangle(corners[[1, 2, 4, 5]])
    return [np.insert(flat, 0, number, axis=1) for number in boxes.slices(index)]


def rectangle(corners: Array) -> Array:
    """Return the corners (4, 2) of a box (y0, x0, y1, x1) in napari's coordinates.

    In napari the centre of a pixel has whole coordinates.
    """
    top, left, low, right = np.asarray(corners, np.float64) - 0.5
    return np.array([[top, left], [top, right], [low, right], [low, left]])


def boxes_in(layer: Shapes, beside: Image) -> list[dict[str, Any]]:
    """Return the boxes around a layer's shapes, in an image layer's pixels, as in a JSON file.

    In a volume, like rectangles of one class on slices that follow each other are one box.

    Raises:
        SegadvError: if a shape has no class, or the layer has other dimensions than the image.
    """
    if layer.ndim != beside.ndim:
        raise SegadvError(
            f"layer {layer.name}: has {layer.ndim} dimensions, but the image has {beside.ndim}; "
            "draw on the image"
        )
    matrix = np.linalg.inv(matrix_of(beside)) @ matrix_of(layer)
    names = list(layer.features[CLASS]) if CLASS in layer.features else [None] * len(layer.data)
    boxes = layer.metadata.get(KEY)
    # What the shown names stand for.
    meant = {untagged(name): name for name in boxes.classes} if isinstance(boxes, Boxes) else {}
    found: list[tuple[str, Array, Array]] = []
    for number, (shape, name) in enumerate(zip(layer.data, names, strict=True), start=1):
        if not isinstance(name, str):
            raise SegadvError(
                f"layer {layer.name}: shape {number} has no class; edit a duplicate of the "
                f'predicted boxes, or give it one in the features table, column "{CLASS}"'
            )
        points = np.asarray(shape) @ matrix[:-1, :-1].T + matrix[:-1, -1] + 0.5
        found.append((meant.get(name, name), points.min(0), points.max(0)))
    if layer.ndim == 3:
        found = _joined(found)
    return [
        {"class": name, "box": [*low[::-1].tolist(), *high[::-1].tolist()]}
        for name, low, high in found
    ]


def _joined(found: list[tuple[str, Array, Array]]) -> list[tuple[str, Array, Array]]:
    """Join rectangles in a volume, each with its class, least and greatest corner, to boxes."""
    boxes: list[tuple[str, Array, Array]] = []
    for name, low, high in sorted(found, key=lambda one: (one[0], *one[1][1:], *one[1])):
        # A rectangle is as thick as its slice.
        low, high = (np.array([edge, *c[1:]]) for edge, c in
                     ((np.floor(low[0]), low), (np.floor(high[0]) + 1, high)))  # fmt: skip
        last = boxes[-1] if boxes else None
        same = last is not None and last[0] == name and last[2][0] == low[0]
        if (
            last is not None
            and same
            and np.allclose([last[1][1:], last[2][1:]], [low[1:], high[1:]])
        ):
            boxes[-1] = (name, last[1], np.array([high[0], *high[1:]]))
        else:
            boxes.append((name, low, high))
    return boxes


def recolour(event: Any) -> None:
    """Give the shapes of a layer the colours and texts of their current classes."""
    layer: Shapes = event.source
    known = layer.metadata.get(KEY)
    if not isinstance(known, Boxes) or CLASS not in layer.features:
        return
    numbers = {untagged(name): number for number, name in enumerate(known.classes) if number}
    shades = [
        (*colour(numbers[name]), 1.0) if name in numbers else PLAIN
        for name in layer.features[CLASS]
    ]
    if len(shades) != len(layer.data) or np.allclose(shades, layer.edge_color, atol=1e-3):
        return
    with layer.events.features.blocker(recolour), layer.events.highlight.blocker(recolour):
        layer.edge_color = shades
        layer.text.color = shades
        layer.refresh_text()


VIEW = DetectionView()
