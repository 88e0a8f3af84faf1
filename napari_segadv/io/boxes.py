"""Boxes as JSON: {"task": "detection", "boxes": [{"class": .., "score": .., "box": [..]}, ...]}."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..common.atomic_files import write_text
from ..common.json_data import read_json
from ..data.boxes import Boxes, swapped
from ..data.scan import Grid
from ..errors import SegadvError

# Each is looked for among all anchors; of more, no detector speaks.
MOST_BOXES = 1000


def write_boxes(boxes: Boxes, path: Path) -> None:
    """Writes boxes with the image's size, [width, height].

    Raises:
        SegadvError: where the file can't be written.
    """
    size = list(reversed(boxes.grid.shape))
    content = {"task": "detection", "size": size, "boxes": boxes.data}
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_boxes(path: Path, grid: Grid, classes: tuple[str, ...]) -> Boxes:
    """Boxes from a JSON file: a list, or an object that has one as "boxes".

    Each is {"box": [x0, y0, x1, y1], "class": "name"} or with "label": 2; more is ignored.

    Args:
        path: the file.
        grid: of the image that they lie in.
        classes: the names that may stand there.

    Raises:
        SegadvError: where the file can't be read or a box can't be meant.
    """
    content = read_json(path)
    listed = content.get("boxes") if isinstance(content, Mapping) else content
    if not isinstance(listed, list):
        raise SegadvError(f'{path}: holds no boxes; write {{"boxes": [...]}}, empty for none')
    return replace(boxes_of(listed, grid, classes, str(path)), path=path)


def boxes_of(listed: Sequence[Any], grid: Grid, classes: tuple[str, ...], role: str) -> Boxes:
    """Boxes from a list as it stands in a file.

    Args:
        listed: as for `read_boxes`.
        grid: of the image that they lie in.
        classes: the names that may stand there.
        role: what they are for, or the file, to say so in an error.

    Raises:
        SegadvError: where a box can't be meant.
    """
    if len(listed) > MOST_BOXES:
        raise SegadvError(
            f"{role}: holds {len(listed)} boxes; at most {MOST_BOXES} can be told apart, so leave "
            "the others away"
        )
    corners, labels = [], []
    for number, one in enumerate(listed, start=1):
        try:
            corners.append(_corners(one["box"], grid))
            labels.append(label_in(one, classes))
        except (KeyError, TypeError, ValueError) as error:
            raise SegadvError(
                f"{role}: box {number} can't be meant ({error}); write "
                '{"box": [x0, y0, x1, y1], "class": "name"}'
            ) from None
    return Boxes.of(corners, labels, grid, classes)


def _corners(values: Any, grid: Grid) -> list[float]:
    text = isinstance(values, (str, Mapping)) or any(isinstance(v, (bool, str)) for v in values)
    numbers = [] if text else [float(v) for v in values]
    if len(numbers) != 2 * grid.ndim or not all(math.isfinite(n) for n in numbers):
        raise ValueError(f"it needs {2 * grid.ndim} numbers")
    corners = swapped(np.array([numbers], np.float32))[0]
    low, high = np.maximum(corners[: grid.ndim], 0), np.minimum(corners[grid.ndim :], grid.shape)
    if not (low < high).all():
        raise ValueError("it is empty, or outside of the image")
    return [*low.tolist(), *high.tolist()]


def label_in(one: Mapping[str, Any], classes: tuple[str, ...]) -> int:
    """The class number that a box's entry names by "class" or "label".

    Raises:
        ValueError: where it names none that is known.
    """
    name, label = one.get("class"), one.get("label")
    folded = [known.casefold() for known in classes]
    if isinstance(name, str) and name.casefold() in folded:
        label = folded.index(name.casefold())
    elif isinstance(name, str) and label is None:
        raise ValueError(
            f"{name[:40]} is no class; there are {', '.join(classes[1:]) or 'numbers only'}"
        )
    if isinstance(label, bool) or not isinstance(label, int) or label < 1:
        raise ValueError('it needs a "class" by name, or a "label" from 1')
    return label
