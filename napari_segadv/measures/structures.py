"""How overlapping structures agree: every structure by itself, each pixel of each counts."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.overlapping import maps_of, structures_of
from ..data.scan import Array, Mask
from .labels import TARGET_FIGURES, Overlap, away, moved_and_kept


def overlaps_each(
    before: Mask, after: Mask, *, target: Mask | None, truth: Mask | None, care: Mask | None
) -> dict[str, Any]:
    """Measure overlapping structures by the figures of `measures.labels.overlaps`.

    `moved`, `kept` and the accuracy count pairs of a pixel and a structure: a pixel that leaves one
    structure and stays in another has moved in the one and is kept in the other. IoU and Dice are
    those of the structures' own maps, not of their combinations.

    Args:
        before, after: the clean and the adversarial prediction; numbers of combinations, whose
            names are those of `before`.
        target: what the victim should predict; None for an untargeted attack.
        truth: the true structures, if known.
        care: the pixels that count, if not all.
    """
    names = structures_of(before.classes)

    def maps(mask: Mask) -> npt.NDArray[np.bool_]:
        return maps_of(np.asarray(mask.array), len(names))

    clean, found = maps(before), maps(after)
    cared = None if care is None else np.broadcast_to(np.asarray(care.array) > 0, clean.shape)
    figures: dict[str, Any] = dict.fromkeys(TARGET_FIGURES)
    if target is not None:
        wanted = maps(target)
        each = ious(found, wanted, cared)
        moved, kept = moved_and_kept(found, wanted, clean, cared)
        figures |= {
            "target_iou": mean_iou(found, wanted, cared),
            "target_iou_per_class": {
                name: each[k] for k, name in enumerate(names) if any_in(wanted[k], cared, k)
            },
            "target_pixel_accuracy": share_equal(found, wanted, cared),
            "moved": moved,
            "kept": kept,
        }
    elif truth is not None or clean.any():
        figures["moved"] = away(found, clean if truth is None else maps(truth), cared)
    figures["iou_with_clean"] = mean_iou(found, clean)
    if truth is not None:
        right = maps(truth)
        for name, one in (("dice_with_truth", found), ("dice_with_truth_clean", clean)):
            dice = [
                Overlap.of(one[k], right[k], None if cared is None else cared[k]).dice(1)
                for k in range(len(names))
                if any_in(right[k], cared, k)
            ]
            figures[name] = float(np.mean(dice)) if dice else None
    return figures


def ious(found: Array, wanted: Array, care: Array | None = None) -> list[float]:
    """Return the IoU of each structure of maps (K, *S); 1 if neither map has it."""
    return [
        iou(one, other, None if care is None else care[k])
        for k, (one, other) in enumerate(zip(found, wanted, strict=True))
    ]


def iou(found: Array, wanted: Array, care: Array | None) -> float:
    """Return the IoU of two binary maps where `care` is true; 1 if both are empty."""
    either, both = found | wanted, found & wanted
    if care is not None:
        either, both = either & care, both & care
    union = int(either.sum())
    return int(both.sum()) / union if union else 1.0


def mean_iou(found: Array, wanted: Array, care: Array | None = None) -> float:
    """Return the mean IoU of the structures that `wanted` has, or else of those of `found`."""
    there = [k for k, one in enumerate(wanted) if any_in(one, care, k)]
    there = there or [k for k, one in enumerate(found) if any_in(one, care, k)]
    each = ious(found, wanted, care)
    return float(np.mean([each[k] for k in there])) if there else 1.0


def any_in(pixels: Array, care: Array | None, place: int) -> bool:
    """Return whether a structure has pixels where it counts."""
    return bool(pixels.any() if care is None else (pixels & care[place]).any())


def share_equal(found: Array, wanted: Array, care: Array | None) -> float:
    """Return the share of the pairs of a pixel and a structure on which both agree."""
    equal = found == wanted
    if care is not None:
        equal = equal[care]
    return float(equal.mean()) if equal.size else 1.0
