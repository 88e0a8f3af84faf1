"""What was asked of each structure and what came out: sizes with units, and overlaps."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...common.wording import percent, share
from ...data.overlapping import Overlapping, numbered
from ...data.scan import Array, Grid, Mask
from ...measures.labels import Overlap
from ...measures.target_change import TargetChange
from ..example import Example

DASH = "\N{EN DASH}"


@dataclass(frozen=True)
class Row:
    """A structure, in words: its size in the prediction before, in the target and after.

    Attributes:
        name, before, asked, after: `asked` is "" without a target.
        overlap: the IoU of the prediction after with the target, or else with the one before; for
            a structure that the target erases, how much of it is gone.
        changed: whether it was to change, or without a target whether it has changed.
    """

    name: str
    before: str
    asked: str
    after: str
    overlap: str
    changed: bool


@dataclass(frozen=True)
class Structures:
    """All structures of a run.

    Attributes:
        rows: those that were to change first.
        units: of the sizes.
        asked: in words, how many pixels had to change; "" without a target.
        targeted: whether there is a target.
    """

    rows: tuple[Row, ...]
    units: str
    asked: str
    targeted: bool


def structures_of(example: Example) -> Structures | None:
    """Return the structures of a run; None if predictions are no label maps."""
    before, after = example.prediction_clean, example.prediction_adversarial
    if not isinstance(before, Mask) or not isinstance(after, Mask):
        return None
    target = example.target if isinstance(example.target, Mask) else None
    if isinstance(before, Overlapping):
        return _each(before, after, target)
    ruler = TargetChange(example.clean.grid, 0, ())
    maps = [before, after] if target is None else [before, target, after]
    sizes = [_sizes(one.array) for one in maps]
    known = np.flatnonzero(sum(sizes))
    other = before if target is None else target
    overlap = Overlap.of(after.array, other.array)
    off = before.array != (after if target is None else target).array
    moved = _sizes(before.array[off]) + _sizes((after if target is None else target).array[off])
    rows = []
    for label in [int(n) for n in known if n]:
        counts = [int(size[label]) for size in sizes]
        words = [_size(ruler, count) for count in counts]
        rows.append(
            Row(
                before.class_name(label),
                words[0],
                "" if target is None else words[1],
                words[-1],
                _overlap(overlap, label, counts, target, before, after),
                bool(moved[label]),
            )
        )
    rows.sort(key=lambda row: not row.changed)
    asked = "" if target is None else _pixels(int(off.sum()), ruler)
    return Structures(tuple(rows), ruler.units, asked, target is not None)


def _each(before: Overlapping, after: Mask, target: Mask | None) -> Structures:
    """Return the structures of a run in which they may overlap, each by its own pixels."""
    ruler, other = TargetChange(before.grid, 0, ()), before if target is None else target
    goal, rows = after if target is None else target, []
    for label, name in numbered(before.classes).items():
        masks = [before, after] if target is None else [before, target, after]
        maps = [(one.array & label != 0).astype(np.uint8) for one in masks]
        counts = [int(np.count_nonzero(one)) for one in maps]
        words = [_size(ruler, count) for count in counts]
        alone = [Mask(one, before.grid) for one in (maps[0], maps[-1])]
        overlap = Overlap.of(maps[-1], (other.array & label != 0).astype(np.uint8))
        rows.append(
            Row(
                name,
                words[0],
                "" if target is None else words[1],
                words[-1],
                _overlap(overlap, 1, counts, target, *alone),
                bool(((before.array ^ goal.array) & label).any()),
            )
        )
    rows.sort(key=lambda row: not row.changed)
    off = int(np.count_nonzero(before.array != goal.array))
    asked = "" if target is None else _pixels(off, ruler)
    return Structures(tuple(rows), ruler.units, asked, target is not None)


def _overlap(
    overlap: Overlap, label: int, counts: list[int], target: Mask | None, *maps: Mask
) -> str:
    """Return the IoU of a structure, or how much of one that should go is gone."""
    if target is None or counts[1]:
        return share(overlap.iou(label)) if label < len(overlap.counts) else DASH
    before, after = (one.array == label for one in maps)
    if not counts[0]:
        return f"{DASH} (not asked for)"
    gone = np.count_nonzero(before & ~after) / counts[0]
    return f"{DASH} ({percent(gone)} gone)"


def _sizes(labels: Array) -> Any:
    return np.bincount(labels.ravel(), minlength=1 << 16)


def _size(ruler: TargetChange, pixels: int) -> str:
    """Return a size without its unit, which the table's head names."""
    if not pixels:
        return DASH
    return f"{pixels:,}" if not ruler.grid.physical else amount(ruler.number(pixels))


def _pixels(pixels: int, ruler: TargetChange) -> str:
    """Return a number of pixels and, where that is known, how much room they take."""
    grid: Grid = ruler.grid
    room = f" ({amount(ruler.number(pixels))} {ruler.units})" if grid.physical else ""
    return f"{pixels:,} pixels{room}"


def amount(value: float) -> str:
    """Return a volume or an area with three figures."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
