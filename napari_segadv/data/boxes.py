"""Boxes around objects in an image, and how well two sets of boxes agree."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..common.wording import class_name
from .scan import Grid

Corners = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

# What names a target without boxes on the command line.
NOTHING = "none"
# Two boxes match if their intersection over union is at least this.
SAME = 0.5


@dataclass(frozen=True, eq=False)
class Anchors:
    """The places that a detector classifies; an attack changes their classes.

    Attributes:
        labels: class numbers (A,), 0 for background.
        corners: the box (A, 2 d) that the detector would draw for each.
        owner: index (A,) of the box that each was merged into; -1 for background.
    """

    labels: Labels
    corners: Corners
    owner: Labels


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes in an image: predicted, true or of a target.

    Attributes:
        corners: (M, 2 d) in array order, least corner first: (y0, x0, y1, x1), or (z0, y0, x0,
            z1, y1, x1). In pixels from the outer edge of the first one, so that the whole image
            is (0, 0, height, width).
        labels: class numbers (M,) from 1.
        grid: of the image.
        scores: (M,) from 0 to 1; empty if the boxes were not predicted.
        classes: names, background first; empty if they have none.
        path: the file that they were read from.
        anchors: what a prediction was made from, or what a target asks for there.
        without: classes that a target removes, while all others stay; it then has no corners.
    """

    corners: Corners
    labels: Labels
    grid: Grid
    scores: npt.NDArray[np.float32]
    classes: tuple[str, ...] = ()
    path: Path | None = None
    anchors: Anchors | None = None
    without: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        corners: npt.ArrayLike,
        labels: npt.ArrayLike,
        grid: Grid,
        classes: tuple[str, ...] = (),
    ) -> "Boxes":
        """Make boxes without scores; the class explains the arguments."""
        numbers = np.asarray(labels, np.int64).reshape(-1)
        places = np.asarray(corners, np.float32).reshape(len(numbers), 2 * grid.ndim)
        return cls(places, numbers, grid, np.zeros(0, np.float32), classes)

    @property
    def count(self) -> int:
        return len(self.labels)

    @property
    def array(self) -> Labels:
        """Class numbers of the anchors, or of the boxes if there are no anchors."""
        if self.anchors is not None:
            return self.anchors.labels
        return np.concatenate([self.labels, np.asarray(self.without, np.int64)])

    @property
    def named_as(self) -> str:
        """What names a target without boxes: "none", or "none:dark" if it removes a class.

        "" for all others. A class whose name says something else there has its number.
        """
        if self.count or self.anchors is not None:
            return ""
        folded = [name.casefold() for name in self.classes]

        def written(label: int) -> str:
            name = self.class_name(label)
            odd = "," in name or name != name.strip() or name.isdecimal()
            return str(label) if odd or folded.count(name.casefold()) != 1 else name

        return NOTHING + (":" + ",".join(map(written, self.without)) if self.without else "")

    def named(self, classes: tuple[str, ...]) -> "Boxes":
        """Return the same boxes with names for their classes."""
        return replace(self, classes=classes)

    def class_name(self, label: int) -> str:
        return class_name(label, self.classes)

    def pick(self, chosen: npt.NDArray[Any]) -> "Boxes":
        """Return some of the boxes, by index or by a flag for each, without anchors."""
        scores = self.scores[chosen] if len(self.scores) else self.scores
        return replace(
            self,
            corners=self.corners[chosen],
            labels=self.labels[chosen],
            scores=scores,
            anchors=None,
        )

    def slices(self, index: int) -> range:
        """Return the slices of a volume that show a box: those whose middle it holds, or one."""
        dims = self.grid.ndim
        low, high = float(self.corners[index, 0]), float(self.corners[index, dims])
        found = range(max(math.ceil(low - 0.5), 0), math.ceil(high - 0.5))
        middle = min(max(int((low + high) / 2), 0), self.grid.shape[0] - 1)
        return found or range(middle, middle + 1)

    def on_slice(self, number: int) -> "Boxes":
        """Return the boxes that a slice of a volume shows, as boxes in a plane, without anchors."""
        shown = np.array([number in self.slices(n) for n in range(self.count)], bool)
        return replace(self.pick(shown), corners=self.corners[shown][:, [1, 2, 4, 5]])

    @property
    def texts(self) -> tuple[str, ...]:
        """The class of each box and, if predicted, its score."""
        names = [self.class_name(int(label)) for label in self.labels]
        if not len(self.scores):
            return tuple(names)
        return tuple(f"{n} {s:.2f}" for n, s in zip(names, self.scores.tolist(), strict=True))

    @property
    def data(self) -> list[dict[str, Any]]:
        """The boxes as plain data: class, label, score if predicted, box as [x0, y0, x1, y1]."""
        found = []
        for index, (label, corners) in enumerate(zip(self.labels, self.corners, strict=True)):
            one: dict[str, Any] = {"class": self.class_name(int(label)), "label": int(label)}
            if len(self.scores):
                one["score"] = round(float(self.scores[index]), 4)
            one["box"] = [round(float(c), 2) for c in swapped(corners[None])[0]]
            found.append(one)
        return found


def swapped(corners: Corners) -> Corners:
    """Return boxes (M, 2 d) with their axes in reverse order: (y0, x0, ..) to (x0, y0, ..)."""
    low, high = np.split(corners, 2, axis=1)
    return np.concatenate([low[:, ::-1], high[:, ::-1]], axis=1)


def overlap(first: Corners, second: Corners) -> npt.NDArray[np.float32]:
    """Return the intersection over union (M, N) of boxes (M, 2 d) with other boxes (N, 2 d)."""
    dims = first.shape[1] // 2
    low = np.maximum(first[:, None, :dims], second[None, :, :dims])
    high = np.minimum(first[:, None, dims:], second[None, :, dims:])
    both = np.clip(high - low, 0, None).prod(axis=2)
    sizes = [np.clip(c[:, dims:] - c[:, :dims], 0, None).prod(axis=1) for c in (first, second)]
    union = sizes[0][:, None] + sizes[1][None] - both
    return np.asarray(both / np.maximum(union, 1e-9), np.float32)


def matches(first: Boxes, second: Boxes, any_class: bool = False) -> list[tuple[int, int]]:
    """Return pairs of boxes that match, by index; each box is in one pair at most.

    The best overlap is paired first; with `any_class`, pairs of one class come before mixed ones.
    """
    shares = overlap(first.corners, second.corners)
    alike = first.labels[:, None] == second.labels[None]
    fits = (shares >= SAME) & (alike | any_class)
    order = np.lexsort((-shares[fits], ~alike[fits]))
    pairs: list[tuple[int, int]] = []
    for i, j in np.argwhere(fits)[order].tolist():
        if all(i != a and j != b for a, b in pairs):
            pairs.append((i, j))
    return pairs


def f1(found: Boxes, truth: Boxes) -> float:
    """Return the F1 of the boxes found: the Dice of two sets of boxes; 1 if both are empty."""
    total = found.count + truth.count
    return 2 * len(matches(found, truth)) / total if total else 1.0


def mean_precision(
    found: Sequence[Boxes], truth: Sequence[Boxes], classes: tuple[str, ...]
) -> dict[str, float]:
    """Return each class's average precision at an IoU of 0.5 over images, as COCO computes it.

    Args:
        found: predictions, including boxes with very low scores.
        truth: true boxes of the same images.
        classes: names, background first.
    """
    from monai.apps.detection.metrics.coco import COCOMetric
    from monai.apps.detection.metrics.matching import matching_batch
    from monai.data.box_utils import box_iou

    names = classes[1:]
    metric = COCOMetric(names, [SAME], (SAME, SAME, 0.05), [100], verbose=False)
    pairs = matching_batch(
        box_iou,
        metric.iou_thresholds,
        [b.corners for b in found],
        [b.labels - 1 for b in found],
        [b.scores for b in found],
        [b.corners for b in truth],
        [b.labels - 1 for b in truth],
        max_detections=100,
    )
    figures, _ = metric(pairs)
    return {n: float(figures[f"{n}_AP_IoU_{SAME:.2f}_MaxDet_100"]) for n in names}
