"""Planes that lie in the patient one by one, put together to a grid, with gaps where none lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...data.scan import Grid
from ...errors import SegadvError
from ..dicom.geometry import axes, closest
from ..dicom.headers import is_orientation

# Share of the step by which a plane may lie beside its place: positions are often rounded.
OFF = 0.1
# Share of a pixel by which a plane may be shifted sideways.
SIDEWAYS = 0.5
# Planes of a grid: a step that needs more is not the one that was meant.
MOST_PLANES = 1 << 13

Vector = tuple[float, ...]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Plane:
    """Where a plane lies, as DICOM says it: mm in (x, y, z), row direction then column direction.

    Attributes:
        position: of the centre of its first pixel.
        orientation: six numbers.
        spacing: between rows, between columns.
    """

    position: Vector
    orientation: Vector
    spacing: Vector


@dataclass(frozen=True)
class Stack:
    """A grid, and the number of the slice in it that each of the planes is."""

    grid: Grid
    slices: tuple[int, ...]


def axes_of(orientation: Sequence[float], path: Path) -> Float:
    """Return the unit vectors of row, column and normal as the rows of a matrix.

    Raises:
        SegadvError: if rows and columns are not at right angles.
    """
    if not is_orientation(orientation):
        raise SegadvError(
            f"{path}: its rows and columns are not at right angles; correct its "
            "ImageOrientationPatient"
        )
    return axes(orientation)


def stacked(
    planes: Sequence[Plane], shape: tuple[int, int], steps: Sequence[float], path: Path
) -> Stack:
    """Put planes together to a grid with even steps.

    Args:
        planes: at least one; several may lie at one position.
        shape: rows and columns.
        steps: mm between slices, the likeliest first; the first that fits all planes is taken. If
            none does, the smallest distance between two planes is.
        path: the file, for messages.

    Raises:
        SegadvError: if the planes are turned or shifted against each other, or unevenly spaced.
    """
    first = planes[0]
    for plane in planes:
        if not np.allclose(plane.orientation, first.orientation, atol=1e-4):
            raise SegadvError(f"{path}: its planes are turned against each other; save one volume")
        if not np.allclose(plane.spacing, first.spacing, rtol=1e-4):
            raise SegadvError(f"{path}: its planes differ in their spacing; save one volume")
    if min(first.spacing) <= 0:
        raise SegadvError(f"{path}: has an invalid spacing; correct its header")
    row, column, normal = axes_of(first.orientation, path)
    positions = np.array([plane.position for plane in planes], np.float64)
    places = positions @ normal
    step = _step(places, steps, first.spacing, path)
    numbers = np.rint((places - places.min()) / step).astype(int)
    lowest = positions[int(places.argmin())]
    sideways = positions - lowest - (places - places.min())[:, None] * normal
    if np.linalg.norm(sideways, axis=1).max() > SIDEWAYS * min(first.spacing):
        raise SegadvError(
            f"{path}: its planes are shifted against each other (a tilted gantry?); resample it "
            "together with its image"
        )
    grid = Grid(
        (int(numbers.max()) + 1, *shape),
        (float(step), *first.spacing),
        tuple(map(float, lowest[::-1])),
        np.ascontiguousarray(np.stack([normal[::-1], column[::-1], row[::-1]], axis=1)),
    )
    return Stack(grid, tuple(map(int, numbers)))


def _step(places: Float, steps: Sequence[float], spacing: Vector, path: Path) -> float:
    """Return the distance between slices that all planes fit."""
    apart = np.diff(np.sort(places))
    apart = apart[apart > closest(places, spacing)]
    usual = [step for step in steps if step > 0]
    if not len(apart):
        return usual[0] if usual else 1.0
    for step in (*usual, float(apart.min())):
        numbers = (places - places.min()) / step
        if numbers.max() > MOST_PLANES:
            continue
        off = np.abs(numbers - np.rint(numbers)).max()
        if off <= OFF:
            # The mean over the whole stack: single positions are rounded.
            return float((places.max() - places.min()) / np.rint(numbers.max()))
    raise SegadvError(
        f"{path}: its planes are unevenly spaced, {apart.min():.3g} to {apart.max():.3g} mm; save "
        "it on the grid of its image"
    )
