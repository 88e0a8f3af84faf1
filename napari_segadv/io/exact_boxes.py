"""Predicted boxes as a file rounds them, and beside it all that they were, as arrays."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..common.json_data import read_json
from ..data.boxes import Anchors, Boxes
from ..data.scan import Array, Grid
from ..errors import SegadvError
from .boxes import read_boxes

KINDS = {
    "corners": np.float32,
    "labels": np.int64,
    "scores": np.float32,
    "without": np.int64,
    "anchor_labels": np.int64,
    "anchor_corners": np.float32,
    "anchor_owner": np.int64,
}


def exact_boxes(boxes: Boxes) -> dict[str, Array]:
    """Everything about boxes but grid, names and file."""
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
    """The boxes of a file, exactly where what `exact_boxes` gave is still there.

    Raises:
        SegadvError: where the file or the arrays are damaged.
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
            f"{path}: does not fit the exact boxes that were saved with it; restore the folder "
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
    """Whether arrays have the shapes and numbers that so many boxes can have."""
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
        # Anchors of a target belong to boxes of the prediction, of which there may be more.
        if owner.min(initial=-1) < -1 or owner.max(initial=-1) >= max(count, 1):
            return False
        if labels.min(initial=0) < 0 or labels.max(initial=0) >= classes:
            return False
    known = np.concatenate([exact["labels"].ravel(), exact["without"].ravel()])
    if known.min(initial=1) < 1 or known.max(initial=0) >= classes:
        return False
    return all(exact[name].shape == shape for name, shape in shapes.items())
