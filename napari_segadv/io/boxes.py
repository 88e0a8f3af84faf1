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
from ..data.boxes import Anchors, Boxes, swapped
from ..data.scan import Array, Grid
from ..errors import SegadvError

# Each box is searched for among all anchors, and no detector predicts more boxes than this.
MOST_BOXES = 1000
# The arrays that `exact_boxes` returns, by name, with their types.
KINDS = {
    "corners": np.float32,
    "labels": np.int64,
    "scores": np.float32,
    "without": np.int64,
    "anchor_labels": np.int64,
    "anchor_corners": np.float32,
    "anchor_owner": np.int64,
}


def write_boxes(boxes: Boxes, path: Path) -> None:
    """Write boxes, with the size [width, height] of their image, as JSON.

    Raises:
        SegadvError: if the file can't be written.
    """
    size = list(reversed(boxes.grid.shape))
    content = {"task": "detection", "size": size, "boxes": boxes.data}
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_boxes(path: Path, grid: Grid, classes: tuple[str, ...]) -> Boxes:
    """Read boxes from a JSON file: a list, or an object that holds one under "boxes".

    Each box is {"box": [x0, y0, x1, y1], "class": "name"}, or has "label": 2 instead of "class";
    other keys are ignored.

    Args:
        path: the file.
        grid: the grid of the image that the boxes lie in.
        classes: the class names that a box may have.

    Raises:
        SegadvError: if the file can't be read or a box is invalid.
    """
    content = read_json(path)
    listed = content.get("boxes") if isinstance(content, Mapping) else content
    if not isinstance(listed, list):
        raise SegadvError(f'{path}: has no list of boxes; write {{"boxes": [...]}}, empty for none')
    return replace(boxes_of(listed, grid, classes, str(path)), path=path)


def boxes_of(listed: Sequence[Any], grid: Grid, classes: tuple[str, ...], role: str) -> Boxes:
    """Make boxes from a list in the form that `read_boxes` describes.

    Args:
        listed: as for `read_boxes`.
        grid: the grid of the image that the boxes lie in.
        classes: the class names that a box may have.
        role: what the boxes are for, or their file; error messages begin with it.

    Raises:
        SegadvError: if there are too many boxes or a box is invalid.
    """
    if len(listed) > MOST_BOXES:
        raise SegadvError(
            f"{role}: holds {len(listed)} boxes, but at most {MOST_BOXES} are allowed; remove the "
            "others"
        )
    corners, labels = [], []
    for number, one in enumerate(listed, start=1):
        try:
            corners.append(_corners(one["box"], grid))
            labels.append(label_in(one, classes))
        except (KeyError, TypeError, ValueError) as error:
            raise SegadvError(
                f"{role}: box {number} is invalid ({error}); write "
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
        raise ValueError("it is empty or lies outside the image")
    return [*low.tolist(), *high.tolist()]


def label_in(one: Mapping[str, Any], classes: tuple[str, ...]) -> int:
    """Return the class number that the entry of a box names by "class" or "label".

    Raises:
        ValueError: if it names no known class.
    """
    name, label = one.get("class"), one.get("label")
    folded = [known.casefold() for known in classes]
    if isinstance(name, str) and name.casefold() in folded:
        label = folded.index(name.casefold())
    elif isinstance(name, str) and label is None:
        raise ValueError(
            f"{name[:40]} is not a known class; "
            f"known are {', '.join(classes[1:]) or 'numbers only'}"
        )
    if isinstance(label, bool) or not isinstance(label, int) or label < 1:
        raise ValueError('it needs a "class" (a name) or a "label" (a number from 1)')
    return label


def exact_boxes(boxes: Boxes) -> dict[str, Array]:
    """Return everything about boxes except grid, class names and file, as arrays by name."""
    found: dict[str, Array] = {
        "corners": boxes.corners,
        "labels": boxes.labels,
        "scores": boxes.scores,
        "without": np.array(boxes.without, np.int64),
    }
    if boxes.anchors is not None:
        found |= {
            "anchor_labels": boxes.anchors.labels,
            "anchor_corners": boxes.anchors.corners,
            "anchor_owner": boxes.anchors.owner,
        }
    return found


def loaded_boxes(
    path: Path, grid: Grid, classes: tuple[str, ...], exact: Mapping[str, Array]
) -> Boxes:
    """Load the boxes of a file: exactly, if the arrays of `exact_boxes` were saved with it.

    Without them (`exact` is empty) the file's rounded corners and scores are used.

    Raises:
        SegadvError: if the file or the arrays are damaged.
    """
    content = read_json(path)
    listed = content.get("boxes") if isinstance(content, Mapping) else None
    if not exact or not isinstance(listed, list):
        boxes = read_boxes(path, grid, classes)
        scores = [one.get("score") for one in listed or ()]
        if scores and all(isinstance(score, float) for score in scores):
            boxes = replace(boxes, scores=np.array(scores, np.float32))
        return replace(boxes, path=None)
    missing = [name for name in ("corners", "labels", "scores", "without") if name not in exact]
    wrong = [
        name
        for name, array in exact.items()
        if name not in KINDS or array.dtype != KINDS[name] or not np.isfinite(array).all()
    ]
    if missing or wrong or not _fits(exact, len(listed), grid.ndim, len(classes)):
        raise SegadvError(
            f"{path}: does not match the exact boxes that were saved with it; restore the folder "
            "from a copy"
        )
    anchors = None
    if "anchor_labels" in exact:
        parts = (exact[f"anchor_{part}"] for part in ("labels", "corners", "owner"))
        anchors = Anchors(*parts)
    return Boxes(
        exact["corners"],
        exact["labels"],
        grid,
        exact["scores"],
        classes,
        anchors=anchors,
        without=tuple(exact["without"].tolist()),
    )


def _fits(exact: Mapping[str, Array], boxes: int, dims: int, classes: int) -> bool:
    """Return whether the arrays have shapes and values that this number of boxes can have."""
    shapes = {
        "corners": (boxes, 2 * dims),
        "labels": (boxes,),
        "scores": (min(boxes, len(exact["scores"])),),
        "without": (exact["without"].size,),
    }
    if exact["scores"].shape not in ((0,), (boxes,)):
        return False
    anchored = [name for name in exact if name.startswith("anchor_")]
    if anchored:
        if len(anchored) != 3:
            return False
        count = exact["anchor_labels"].size
        shapes |= {"anchor_labels": (count,), "anchor_owner": (count,)}
        shapes |= {"anchor_corners": (count, 2 * dims)}
        owner, labels = exact["anchor_owner"], exact["anchor_labels"]
        # A target's anchors belong to the boxes of the prediction, which may be more.
        if owner.min(initial=-1) < -1 or owner.max(initial=-1) >= max(count, 1):
            return False
        if labels.min(initial=0) < 0 or labels.max(initial=0) >= classes:
            return False
    known = np.concatenate([exact["labels"].ravel(), exact["without"].ravel()])
    if known.min(initial=1) < 1 or known.max(initial=0) >= classes:
        return False
    return all(exact[name].shape == shape for name, shape in shapes.items())
