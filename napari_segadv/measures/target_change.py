"""How a target differs from a prediction: the pixels that change, and each structure's change."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ..data.scan import Array, Grid
from .labels import Overlap
from .sizes import in_units, units_of_size


@dataclass(frozen=True)
class Change:
    """How a structure changes: the IoU of before and after, and its pixels before and after."""

    label: int
    iou: float
    before: int
    after: int


@dataclass(frozen=True)
class TargetChange:
    """How a target differs from a prediction.

    Attributes:
        grid: the grid of both.
        pixels: how many differ.
        structures: those that differ, without the background, the most changed first.
    """

    grid: Grid
    pixels: int
    structures: tuple[Change, ...]

    def number(self, pixels: int) -> float:
        """Convert pixels to ml, in 2-D to mm²; without geometry they stay pixels."""
        return in_units(self.grid, pixels)

    @property
    def units(self) -> str:
        """The unit of `number`."""
        return units_of_size(self.grid)


def target_change(
    target: Array, prediction: Array, grid: Grid, poll: Callable[[], None] = lambda: None
) -> TargetChange:
    """Compare two label maps of one grid, a slice at a time so that other threads can run.

    Args:
        target, prediction: class numbers.
        grid: the grid of both.
        poll: called at each slice; may raise to stop.
    """
    wanted, found = (a if a.ndim == 3 else a[None] for a in (target, prediction))
    pairs: Counter[tuple[int, int]] = Counter()
    for new, old in zip(wanted, found, strict=True):
        poll()
        off = new != old
        if off.any():
            seen, counts = np.unique(
                np.stack([old[off], new[off]]).astype(np.int64), axis=1, return_counts=True
            )
            pairs.update(dict(zip(map(tuple, seen.T.tolist()), counts.tolist(), strict=True)))
    labels = sorted({label for pair in pairs for label in pair})
    place = {label: index for index, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), np.int64)
    for (old, new), count in pairs.items():
        counts[place[old], place[new]] = count
    for label in labels:
        poll()
        before = sum(int(np.count_nonzero(plane == label)) for plane in found)
        counts[place[label], place[label]] = before - counts[place[label]].sum()
    overlap = Overlap(counts)
    changes = [
        Change(label, overlap.iou(i), int(counts[i].sum()), int(counts[:, i].sum()))
        for label, i in place.items()
        if label
    ]
    return TargetChange(
        grid, sum(pairs.values()), tuple(sorted(changes, key=lambda change: change.iou))
    )


def change_of_each(
    target: Array,
    prediction: Array,
    grid: Grid,
    labels: Iterable[int],
    poll: Callable[[], None] = lambda: None,
) -> TargetChange:
    """Compare overlapping structures as `target_change` compares label maps, each on its own map.

    Args:
        target, prediction: numbers of combinations.
        grid: the grid of both.
        labels: class numbers of the structures: 1, 2, 4 and so on.
        poll: called at each slice; may raise to stop.
    """
    wanted, found = (a if a.ndim == 3 else a[None] for a in (target, prediction))
    counts = {label: np.zeros(3, np.int64) for label in labels}
    pixels = 0
    for new, old in zip(wanted, found, strict=True):
        poll()
        pixels += int(np.count_nonzero(new != old))
        for label, count in counts.items():
            before, after = old & label != 0, new & label != 0
            count += [np.count_nonzero(one) for one in (before, after, before & after)]
    changes = [
        Change(label, int(both) / int(before + after - both), int(before), int(after))
        for label, (before, after, both) in counts.items()
        if both < max(before, after)
    ]
    return TargetChange(grid, pixels, tuple(sorted(changes, key=lambda change: change.iou)))
