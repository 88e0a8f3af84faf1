"""The planes of a volume as a reading room names and turns them, and the letters at their edges."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from ...data.scan import Array, Grid
from ..layers.upright import world_axes

# A patient's axes, in the order of a grid's: to the head, to the back, to the left.
HEAD, BACK, LEFT = range(3)
# Letters of DICOM at the end of each axis and at its beginning.
LETTERS = (("H", "F"), ("P", "A"), ("L", "R"))
# An oblique direction gets a further letter for each axis that has at least this share of it.
SHARE = 0.25
# Red, green and yellow, as 3D Slicer colours them.
COLOURS = ("#f2685a", "#7ec15f", "#edd54c")


@dataclass(frozen=True)
class Plane:
    """A plane in which a volume is looked at.

    Attributes:
        name: on the screen.
        axis: of napari's world, counted from the last (-1), that is looked along.
        down, across: those that run down and across the screen.
        colour: of its line in the other planes.
        onwards: whether the wheel goes on along the axis or back. Down is to the feet, to the back
            or to the left, as in the order in which a pile of films is read.
    """

    name: str
    axis: int
    down: int
    across: int
    colour: str
    onwards: bool = True


def planes_of(grid: Grid | None) -> tuple[Plane, Plane, Plane]:
    """Return the three planes of a volume; of one that no patient is known for, those of its axes.

    Args:
        grid: of a patient's volume, or None.
    """
    if grid is None:
        names = ("slice", "row", "column")
        rest = ((-2, -1), (-3, -1), (-3, -2))
        first, second, third = (
            Plane(name, axis, *others, colour)
            for name, axis, others, colour in zip(names, (-3, -2, -1), rest, COLOURS, strict=True)
        )
        return first, second, third
    axes = world_axes(grid)
    along = _matched(axes)

    def plane(name: str, looked: int, down: int, across: int, to_feet: bool) -> Plane:
        forwards = axes[looked, along[looked]] > 0
        places = (along[looked] - 3, along[down] - 3, along[across] - 3)
        return Plane(name, *places, COLOURS[looked], bool(forwards) != to_feet)

    return (
        plane("axial", HEAD, BACK, LEFT, True),
        plane("coronal", BACK, HEAD, LEFT, False),
        plane("sagittal", LEFT, HEAD, BACK, False),
    )


def _matched(axes: Array) -> tuple[int, ...]:
    """Return napari's axis for each axis of the patient: together the nearest ones."""
    weights = np.abs(axes)
    return max(
        permutations(range(3)), key=lambda found: sum(weights[p, a] for p, a in enumerate(found))
    )


def edge_letters(
    grid: Grid, displayed: Sequence[int], ways: tuple[str, str]
) -> tuple[str, str, str, str]:
    """Return the letters at the upper, lower, left and right edge of a view.

    Args:
        grid: of a patient's volume.
        displayed: the axis down and the one across, counted from the last (-1).
        ways: where both go on the screen, as `upright.orientation` returns them.
    """
    axes = world_axes(grid)
    (down, across), (vertical, horizontal) = displayed[-2:], ways
    if min(down, across) < -3:
        return "", "", "", ""
    lower = axes[:, down] * (1 if vertical == "down" else -1)
    right = axes[:, across] * (1 if horizontal == "right" else -1)
    return letters(-lower), letters(lower), letters(-right), letters(right)


def letters(direction: Array) -> str:
    """Return the letters of a direction (z, y, x) in the patient, the main one first: "L", "AL"."""
    order = np.argsort(-np.abs(direction), kind="stable")
    chosen = [axis for axis in order if abs(direction[axis]) >= SHARE] or order[:1]
    return "".join(LETTERS[axis][0 if direction[axis] > 0 else 1] for axis in chosen)
