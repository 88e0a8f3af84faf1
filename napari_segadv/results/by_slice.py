"""Figures of each slice of an example: what changed there, and which slices are worst."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..data.overlapping import Overlapping, maps_of
from ..data.scan import Array, Mask
from ..measures.labels import Overlap
from ..measures.structures import mean_iou

if TYPE_CHECKING:
    from .example import Example

Floats = npt.NDArray[np.float64]
AREA, IOU, LARGEST, MEAN = "changed area", "target IoU", "largest noise", "mean noise"


@dataclass(frozen=True)
class SliceFigures:
    """Figures of each slice, along the first axis of the array; a 2-D image is one slice.

    Attributes:
        values: arrays (slices,) by name: AREA, on which clean and adversarial prediction differ;
            IOU, mean over the target's classes in that slice, 1 if neither map has any; LARGEST
            and MEAN of |noise|. If predictions are no masks, AREA and IOU are missing; if there
            was no target, IOU is.
        units: the unit of each; "" for none.
    """

    values: Mapping[str, Floats]
    units: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.values[LARGEST])

    def badness(self, name: str) -> Floats:
        """Return how far each slice is from unchanged, by a figure: the larger, the worse."""
        return 1.0 - self.values[IOU] if name == IOU else self.values[name]

    def worst_first(self, name: str) -> list[int]:
        """Return the numbers of the slices where a figure finds a change, the worst first."""
        bad = self.badness(name)
        order = np.argsort(-bad, kind="stable")
        return [int(number) for number in order if bad[number] > 0]

    def column(self, name: str) -> str:
        """Return the name of a figure with its unit."""
        return f"{name} ({self.units[name]})" if self.units[name] else name


def most_changed(example: "Example") -> int:
    """Return the number of the slice that changed most: that with the largest sum of |noise|."""
    sums = [float(np.abs(change).sum(dtype=np.float64)) for change in example.noise_counted]
    return int(np.argmax(sums))


def slice_figures(example: "Example", poll: Callable[[], None] | None = None) -> SliceFigures:
    """Compute the figures of each slice of an example.

    Args:
        example: of any task.
        poll: called after each slice; it may raise to stop.
    """
    volume, grid = example.clean.grid.ndim == 3, example.clean.grid

    def cut(array: Array) -> Array:
        return array if volume else array[None]

    before, after, target = (
        cut(given.array) if isinstance(given, Mask) else None
        for given in (example.prediction_clean, example.prediction_adversarial, example.target)
    )
    each, noise = example.prediction_clean, cut(example.noise_counted)
    count = len(each.structures) if isinstance(each, Overlapping) else 0

    def iou(one: Array, other: Array) -> float:
        if count:
            return mean_iou(maps_of(one, count), maps_of(other, count))
        return Overlap.of(one, other).mean_iou()

    names = [LARGEST, MEAN]
    if before is not None and after is not None:
        names = [AREA, *([IOU] if target is not None else []), *names]
    found = {name: np.zeros(len(noise)) for name in names}
    pixel = grid.spacing[-2] * grid.spacing[-1]
    # Slice by slice, so that no array as large as the volume is made.
    for number, change in enumerate(noise):
        size = np.abs(change)
        found[LARGEST][number] = size.max(initial=0)
        found[MEAN][number] = size.mean(dtype=np.float64)
        if before is not None and after is not None:
            found[AREA][number] = pixel * np.count_nonzero(before[number] != after[number])
            if target is not None:
                found[IOU][number] = iou(after[number], target[number])
        if poll is not None:
            poll()
    units = example.clean.units
    area = "mm²" if grid.physical else "pixels"
    return SliceFigures(found, {AREA: area, IOU: "", LARGEST: units, MEAN: units})
