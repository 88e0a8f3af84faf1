"""What a report shows: the reading windows that fit an image, and the slices of a volume."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ...common.wording import with_units
from ...data.overlapping import Overlapping, numbered
from ...data.presentation import Presentation
from ...data.scan import Array, Grid, Mask, Scan
from ...data.window_presets import PRESETS, WindowPreset
from ...measures.by_window import Seen, worst
from ...measures.images import SSIM_WINDOW, displayed, slice_ssim
from ..by_slice import most_changed
from ..example import Example

SEEN, FULL = "what the model sees", "full range"
# Where the axes of a grid go: to the head, to the back, to the left, and the opposite.
TOWARDS, AWAY = "HPL", "FAR"
# What lies at the top of a picture, and at its left, as on a light box.
UP, LEFT = "HA", "RA"
# Most pixels along a side of a picture; larger images are shown smaller.
LARGEST = 1024
# A scale bar has about this share of a picture's width.
BAR = 0.25


@dataclass(frozen=True)
class Window:
    """A window that an image is read in.

    Attributes:
        name: as radiologists call it, or where it comes from.
        shown: how intensities become brightness in it.
        units: of the intensities.
        channel: number of the channel that is read in it.
    """

    name: str
    shown: Presentation
    units: str
    channel: int = 0

    @property
    def range(self) -> str:
        """From black to white, in words."""
        low, high = self.shown.limits
        return f"{low:g} to {with_units(format(high, 'g'), self.units)}"

    @property
    def preset(self) -> WindowPreset:
        """As a measure of visibility takes it."""
        low, high = self.shown.limits
        return WindowPreset(self.name, (low + high) / 2, high - low)


def windows_in(example: Example) -> tuple[Window, ...]:
    """Return the windows that fit an example's image: of several channels, those of each in turn.

    The channel that has changed most, as a share of its window, comes first.
    """
    if not example.channels:
        return windows_of(example.clean, example.window)
    noise = np.abs(example.noise_counted)
    order = np.argsort(-noise.reshape(-1, noise.shape[-1]).sum(axis=0), kind="stable")
    return tuple(
        replace(window, name=f"{example.channels[n].name}, {window.name}", channel=n)
        for n in order.tolist()
        for window in windows_of(example.clean.parts[n], example.channels[n].window)
    )


def windows_of(scan: Scan, seen: tuple[float, float]) -> tuple[Window, ...]:
    """Return the windows that fit an image; the first is the one that it is usually read in.

    Args:
        scan: the image.
        seen: the intensities that the model distinguishes.
    """
    usual = scan.shown
    presets = PRESETS if scan.units == "HU" else ()
    same = (one.name for one in presets if np.allclose(one.limits, usual.limits, rtol=1e-4))
    listed = [Window(next(same, usual.source), usual, scan.units)]
    if not scan.colour:
        named = [*((one.name, one.limits) for one in presets), (FULL, scan.bounds), (SEEN, seen)]
        for name, (low, high) in named:
            shown = Presentation.between(low, high, name)
            listed.append(Window(name, shown.inverted if usual.falls else shown, scan.units))
    found: list[Window] = []
    for window in listed:
        limits = window.shown.limits
        if not any(np.allclose(limits, one.shown.limits, rtol=1e-4) for one in found):
            found.append(window)
    return tuple(found)


@dataclass(frozen=True)
class Plane:
    """A slice of a volume, or a 2-D image, as it is shown: head or front up, left on the right.

    Attributes:
        number: of the slice along the first axis; None for a 2-D image.
        why: why it is shown; "" for a 2-D image.
        turn: the index that turns its rows and columns.
        pixel: height and width of a pixel, in mm, or 1 without geometry.
        shape: rows and columns.
        letters: what lies at its left, right, top and bottom; empty if that is not known.
        physical: whether it is measured in mm.
    """

    number: int | None
    why: str
    turn: tuple[slice, slice]
    pixel: tuple[float, float]
    shape: tuple[int, int]
    letters: tuple[str, ...]
    physical: bool

    @classmethod
    def of(cls, grid: Grid, number: int | None = None, why: str = "") -> "Plane":
        """Return a slice of a grid, or the whole of a 2-D grid."""
        turn, letters = _upright(grid)
        sides = (grid.shape[-2], grid.shape[-1])
        pixel = (grid.spacing[-2], grid.spacing[-1])
        return cls(number, why, turn, pixel, sides, letters, grid.physical)

    @property
    def factor(self) -> int:
        """How many pixels of the image go into one of the picture, along each side."""
        return math.ceil(max(self.shape) / LARGEST)

    @property
    def size(self) -> tuple[float, float]:
        """Height and width, in mm or in pixels."""
        rows, columns = (n // self.factor * self.factor for n in self.shape)
        return rows * self.pixel[0], columns * self.pixel[1]

    @property
    def bar(self) -> tuple[float, str]:
        """The length of the scale bar, in the unit of `size`, and its text."""
        wanted = BAR * self.size[1]
        power = 10.0 ** math.floor(math.log10(wanted))
        length = max(step * power for step in (1, 2, 5) if step * power <= wanted)
        if not self.physical:
            return length, with_units(f"{length:g}", "pixels")
        return length, f"{length / 10:g} cm" if length >= 10 else f"{length:g} mm"

    def cut(self, array: Array) -> Array:
        """Return this slice of an array on the grid, components last, as it is shown."""
        return (array if self.number is None else array[self.number])[self.turn]


def _upright(grid: Grid) -> tuple[tuple[slice, slice], tuple[str, ...]]:
    """Return how slices of a grid are turned to be shown, and the letters at their sides."""
    if grid.ndim == 2 or not grid.physical:
        down, across = (bool(step < 0) for step in np.diag(grid.direction)[-2:])
        return _turn(down, across), ()
    (start, end), (first, last) = (_letters(grid.direction[:, axis]) for axis in (1, 2))
    down, across = end in UP, last in LEFT
    top, bottom = (end, start) if down else (start, end)
    left, right = (last, first) if across else (first, last)
    return _turn(down, across), (left, right, top, bottom)


def _turn(down: bool, across: bool) -> tuple[slice, slice]:
    return slice(None, None, -1 if down else 1), slice(None, None, -1 if across else 1)


def _letters(axis: npt.NDArray[np.float64]) -> tuple[str, str]:
    """Return the letters at the start and the end of an axis, the nearest if it is oblique."""
    along = int(np.abs(axis).argmax())
    start, end = AWAY[along], TOWARDS[along]
    return (start, end) if axis[along] > 0 else (end, start)


def planes_of(
    example: Example, table: Sequence[Seen], poll: Callable[[], None] = lambda: None
) -> tuple[Plane, ...]:
    """Return the slices to show: where the change shows most, and where the structure is largest.

    Args:
        example: the run.
        table: how visible the change is in each window.
        poll: called after each slice; it may raise to stop.
    """
    grid = example.clean.grid
    if grid.ndim == 2:
        return (Plane.of(grid),)
    # Of several channels, all count: the slice is that of the largest change.
    seen = None if example.channels else worst(table)
    window = None if seen is None else seen.preset
    reasons: dict[int, list[str]] = {}
    visible = _most_visible(example, window, poll)
    where = "" if window is None else f" ({window.name} window)"
    most = "largest" if example.channels else "most visible"
    reasons.setdefault(visible, []).append(f"where the change is {most}{where}")
    label = structure_of(example)
    if label:
        name, number = _largest(example, label)
        reasons.setdefault(number, []).append(f"where the structure {name} is largest")
    return tuple(Plane.of(grid, n, " and ".join(why)) for n, why in reasons.items())


def _most_visible(example: Example, window: WindowPreset | None, poll: Callable[[], None]) -> int:
    """Return the slice of the lowest SSIM in a window, or of the largest change without one."""
    grid = example.clean.grid
    if window is None or min(grid.shape[1:]) < SSIM_WINDOW:
        return most_changed(example)
    low, high = window.limits
    least, best = math.inf, 0
    for number in range(grid.shape[0]):
        a, b = (
            displayed(scan.array[number], window.limits, example.clean.negative)
            for scan in (example.clean, example.adversarial)
        )
        if np.array_equal(a, b):
            continue
        alike = slice_ssim(a, b, high - low, example.clean.colour)
        if alike < least:
            least, best = alike, number
        poll()
    return best


def structure_of(example: Example) -> int:
    """Return the class that changes most, in the target or else in the prediction; 0 for none."""
    before = example.prediction_clean
    after = example.prediction_adversarial if example.target is None else example.target
    if not isinstance(before, Mask) or not isinstance(after, Mask):
        return 0
    if isinstance(before, Overlapping):
        changed = before.array ^ after.array
        each = {n: np.count_nonzero(changed & n) for n in numbered(before.classes)}
        return max(each, key=lambda n: each[n]) if any(each.values()) else 0
    off = before.array != after.array
    changes = sum(np.bincount(one.array[off].ravel(), minlength=1 << 16) for one in (before, after))
    counts: Any = changes
    counts[0] = 0
    return int(counts.argmax())


def _largest(example: Example, label: int) -> tuple[str, int]:
    """Return the name of a class, and the slice that holds most of it, before or as asked."""
    before = example.prediction_clean
    assert isinstance(before, Mask)
    maps = [m for m in (before, example.target) if isinstance(m, Mask)]
    several = isinstance(before, Overlapping)

    def area(labels: Array) -> int:
        return int(np.count_nonzero(labels & label if several else labels == label))

    areas = [sum(area(m.array[n]) for m in maps) for n in range(len(before.array))]
    return before.class_name(label), int(np.argmax(areas))
