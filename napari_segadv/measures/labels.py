"""How label maps agree: IoU, Dice, and the shares of pixels that moved and that were kept."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.scan import Array, Mask

# Of the figures' definitions, as results say it. 2: `kept` counts background too; results without
# a version are of 1, where it was a share of the structures' pixels alone. 3: SSIM is that of the
# image as a display shows it, 0 being black; before, it was that of HU and grey levels themselves.
FIGURES_VERSION = 3
# Figures that every result has; None if one does not apply.
TARGET_FIGURES = ("target_iou", "target_iou_per_class", "target_pixel_accuracy", "moved", "kept")


@dataclass(frozen=True)
class Overlap:
    """Pixels by class: rows of `counts` are the reference's classes, columns the prediction's."""

    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, prediction: Array, reference: Array, care: Array | None = None) -> "Overlap":
        """Count the pixels of two label maps of one shape, where `care` is not 0."""
        found, expected = prediction.ravel().astype(np.int64), reference.ravel().astype(np.int64)
        if care is not None:
            counted = care.ravel() > 0
            found, expected = found[counted], expected[counted]
        size = int(max(found.max(initial=0), expected.max(initial=0))) + 1
        pairs = np.bincount(expected * size + found, minlength=size * size)
        return cls(pairs.reshape(size, size))

    def iou(self, label: int) -> float:
        """Return the intersection over union of a class; 1 if neither map has it."""
        hit = int(self.counts[label, label])
        union = int(self.counts[label].sum() + self.counts[:, label].sum()) - hit
        return hit / union if union else 1.0

    def dice(self, label: int) -> float:
        """Return the Dice of a class; 1 if neither map has it."""
        total = int(self.counts[label].sum() + self.counts[:, label].sum())
        return 2 * int(self.counts[label, label]) / total if total else 1.0

    @property
    def structures(self) -> list[int]:
        """The classes of the reference except background."""
        return [label for label in range(1, len(self.counts)) if self.counts[label].any()]

    def mean_iou(self) -> float:
        """Return the mean IoU of the reference's structures, or else of the prediction's."""
        labels = self.structures or [
            n for n in range(1, len(self.counts)) if self.counts[:, n].any()
        ]
        return float(np.mean([self.iou(label) for label in labels])) if labels else 1.0

    def accuracy(self) -> float:
        """Return the share of the pixels on which both maps agree."""
        total = int(self.counts.sum())
        return int(np.trace(self.counts)) / total if total else 1.0


def moved_and_kept(
    prediction: Array, target: Array, clean: Array, care: Array | None = None
) -> tuple[float, float]:
    """Return the share of pixels that moved to the target, and the share that was kept.

    `moved`: of the pixels where target and clean prediction differ, the share at target; 1 if there
    are none.
    `kept`: 1 - (pixels that had to stay and changed) / (pixels on a structure in target or clean
    prediction), at least 0. Background that turned into a structure counts: of a volume that is
    mostly background, a small share of it can outweigh the structures.
    """
    cared = np.ones(target.shape, bool) if care is None else care > 0
    off = (target != clean) & cared
    hit = prediction == target
    lost = int((~hit & ~off & cared).sum())
    structures = int((((target != 0) | (clean != 0)) & cared).sum())
    return _share(hit, off), max(0.0, 1 - lost / max(1, structures))


def away(prediction: Array, truth: Array, care: Array | None = None) -> float:
    """Return the share of the truth's structures that is predicted as something else."""
    on = truth != 0 if care is None else (truth != 0) & (care > 0)
    return _share(prediction != truth, on)


def _share(hit: Array, among: Array) -> float:
    total = int(among.sum())
    return int((hit & among).sum()) / total if total else 1.0


def named_apart(mask: Mask, labels: Sequence[int]) -> dict[int, str]:
    """Return the names of classes; those that several have are followed by their numbers.

    Examples:
        >>> from napari_segadv.data.scan import Grid
        >>> grid = Grid.pixels((1, 3))
        >>> mask = Mask(np.array([[0, 1, 2]]), grid, ("background", "kidney", "kidney"))
        >>> named_apart(mask, [1, 2])
        {1: 'kidney (1)', 2: 'kidney (2)'}
    """
    names = {label: mask.class_name(label) for label in labels}
    often = Counter(names.values())
    return {n: f"{name} ({n})" if often[name] > 1 else name for n, name in names.items()}


def overlaps(
    before: Mask, after: Mask, *, target: Mask | None, truth: Mask | None, care: Mask | None
) -> dict[str, Any]:
    """Measure how label maps agree with target, clean prediction and truth, see docs/figures.md.

    Args:
        before, after: the clean and the adversarial prediction.
        target: what the victim should predict; None for an untargeted attack.
        truth: the true labels, if known.
        care: the pixels that count, if not all.
    """
    clean, found = np.asarray(before.array), np.asarray(after.array)
    cared = None if care is None else np.asarray(care.array)
    figures: dict[str, Any] = dict.fromkeys(TARGET_FIGURES)
    if target is not None:
        overlap = Overlap.of(found, target.array, cared)
        names = named_apart(before, overlap.structures)
        moved, kept = moved_and_kept(found, target.array, clean, cared)
        figures |= {
            "target_iou": overlap.mean_iou(),
            "target_iou_per_class": {names[n]: overlap.iou(n) for n in overlap.structures},
            "target_pixel_accuracy": overlap.accuracy(),
            "moved": moved,
            "kept": kept,
        }
    elif truth is not None or clean.any():
        figures["moved"] = away(found, clean if truth is None else truth.array, cared)
    figures["iou_with_clean"] = Overlap.of(found, clean).mean_iou()
    if truth is not None:
        for name, labels in (("dice_with_truth", found), ("dice_with_truth_clean", clean)):
            overlap = Overlap.of(labels, truth.array, cared)
            dice = [overlap.dice(label) for label in overlap.structures]
            figures[name] = float(np.mean(dice)) if dice else None
    return figures
