"""Geometry: where slices lie, in which order, and whether they fill a box."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...data.scan import Grid
from ..geometry import flat_grid
from .headers import Plane

Float = npt.NDArray[np.float64]

# Slices lie at one position if they are closer than this share of a pixel; or, beside others that
# are further apart, than these shares of a pixel and of the largest step. In mm without a spacing.
ONE_PLACE, JITTER_OF_PIXEL, JITTER_OF_STEP = 0.02, 0.1, 0.05
# Share of the step between slices by which one may be off: positions are often rounded to 0.1 mm.
UNEVEN = 0.1
# Share of a pixel by which the last slice may lie beside the place where a box would have it.
BESIDE = 0.5


@dataclass(frozen=True)
class Course:
    """Slices along their normal.

    Attributes:
        planes: in the order of their positions.
        step: mean distance along the normal, in mm.
        shear: mm that a slice is shifted sideways for each mm along the normal, (x, y, z).
        angle: of the gantry, in degrees; 0 if the slices fill a box.
        beside: mm between the last slice and the place where a box would have it.
        fault: what keeps the slices from being a volume, for messages; "" for nothing.
    """

    planes: tuple[Plane, ...]
    step: float = 0.0
    shear: tuple[float, ...] = (0.0, 0.0, 0.0)
    angle: float = 0.0
    beside: float = 0.0
    fault: str = ""


def axes(orientation: Sequence[float]) -> Float:
    """Return the directions of row, column and normal as the rows of a matrix, at right angles.

    Examples:
        >>> axes([1, 0, 0, 0, 0, -1]).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]
    """
    row = np.array(orientation[:3], np.float64)
    row /= np.linalg.norm(row)
    column = np.array(orientation[3:], np.float64)
    column -= (column @ row) * row
    column /= np.linalg.norm(column)
    # Adding 0 turns -0 into 0.
    return np.stack([row, column, np.cross(row, column)]) + 0.0


def along(planes: Sequence[Plane]) -> Float:
    """Return the places of slices along their normal, in mm."""
    positions = np.array([plane.position for plane in planes], np.float64)
    return np.asarray(positions @ axes(planes[0].orientation)[2], np.float64)


def closest(places: npt.ArrayLike, spacing: Sequence[float]) -> float:
    """Return the distance in mm up to which slices lie at one position.

    A table that moves on between two phases comes to rest some hundredths of a millimetre beside
    its place; the slices of a micro-CT are closer than that.

    Args:
        places: of the slices along their normal, in mm.
        spacing: of their pixels, () if it is unknown.

    Examples:
        >>> closest([0, 0.02, 3, 3.02], (0.7, 0.7)), closest([0, 0.009, 0.018], (0.009, 0.009))
        (0.07, 0.00045)
    """
    pixel = min(spacing, default=1.0)
    largest = float(np.diff(np.sort(np.asarray(places, np.float64))).max(initial=0.0))
    jitter = min(JITTER_OF_STEP * largest, JITTER_OF_PIXEL * pixel)
    return round(max(jitter, ONE_PLACE * pixel), 9)


def course(planes: Sequence[Plane]) -> Course:
    """Sort slices along their normal, and check that they are evenly spaced and fill a box."""
    places = along(planes)
    order = np.argsort(places, kind="stable")
    ordered, places = tuple(planes[i] for i in order), places[order]
    if len(planes) == 1:
        return Course(ordered)
    step = float(places[-1] - places[0]) / (len(places) - 1)
    fault = _doubled(ordered, places) or _uneven(ordered, places, step)
    if not fault and not ordered[0].spacing:
        fault = "its slices have no PixelSpacing; add it to their headers"
    if fault:
        return Course(ordered, step, fault=fault)
    return _checked_for_tilt(Course(ordered, step), places)


def name_of(plane: Plane) -> str:
    """Return how messages name a slice."""
    return plane.path.name if plane.frame is None else f"frame {plane.frame + 1}"


def _doubled(planes: Sequence[Plane], places: Float) -> str:
    at = np.flatnonzero(np.diff(places) <= closest(places, planes[0].spacing))
    if not len(at):
        return ""
    one, other = (name_of(planes[int(at[0]) + n]) for n in (0, 1))
    more = f" (and {len(at) - 1} more such pairs)" if len(at) > 1 else ""
    return f"{one} and {other} lie at one position{more}; keep one of them in the folder"


def _uneven(planes: Sequence[Plane], places: Float, step: float) -> str:
    even = places[0] + step * np.arange(len(places))
    steps = np.diff(places)
    usual = float(np.median(steps))
    rounded = min(1e-3, UNEVEN * step)
    off = np.abs(places - even).max() > UNEVEN * step + rounded
    if not off and np.abs(steps - usual).max() <= 3 * UNEVEN * usual + rounded:
        return ""
    at = int(np.abs(steps - usual).argmax())
    return (
        f"its slices are {usual:.3g} mm apart, but {steps[at]:.3g} mm between "
        f"{name_of(planes[at])} and {name_of(planes[at + 1])}: a slice is missing or doubled; "
        "complete the series, or use a part of it"
    )


def _checked_for_tilt(found: Course, places: Float) -> Course:
    """Measure how far slices lie beside the normal through the first one."""
    normal = axes(found.planes[0].orientation)[2]
    offsets = np.array([plane.position for plane in found.planes]) - found.planes[0].position
    rises = (places - places[0])[:, None]
    sideways = offsets - rises * normal
    beside = float(np.linalg.norm(sideways, axis=1).max())
    if beside <= BESIDE * min(found.planes[0].spacing):
        return found
    shear = sideways[-1] / rises[-1]
    rest = float(np.linalg.norm(sideways - rises * shear, axis=1).max())
    if rest > BESIDE * min(found.planes[0].spacing):
        fault = (
            f"its slices are shifted against each other by up to {beside:.3g} mm, not evenly; "
            "use a straight part of the series"
        )
        return Course(found.planes, found.step, fault=fault)
    angle = float(np.degrees(np.arctan(np.linalg.norm(shear))))
    return Course(found.planes, found.step, tuple(map(float, shear)), angle, beside)


def volume_grid(found: Course) -> Grid:
    """Return the grid of slices that fill a box, in array order."""
    first = found.planes[0]
    row, column, normal = axes(first.orientation)
    direction = np.stack([normal[::-1], column[::-1], row[::-1]], axis=1)
    shape = (len(found.planes), *first.shape)
    spacing = (found.step, *first.spacing)
    origin = tuple(map(float, first.position[::-1]))
    return Grid(shape, spacing, origin, np.ascontiguousarray(direction))


def picture_grid(plane: Plane) -> Grid:
    """Return the grid of a single image, in its own plane if its header says where it lies."""
    if not plane.spacing:
        return Grid.pixels(plane.shape)
    if not plane.placed:
        return Grid(plane.shape, tuple(plane.spacing), (0.0, 0.0), np.eye(2))
    return flat_grid(volume_grid(Course((plane,), step=1.0)))


def orientation_name(orientation: Sequence[float]) -> str:
    """Return the plane of slices: axial, coronal or sagittal; oblique ones lie 15 degrees off.

    Examples:
        >>> orientation_name([1, 0, 0, 0, 0, -1]), orientation_name([1, 0, 0, 0, 0.9, 0.436])
        ('coronal', 'axial, oblique')
    """
    normal = np.abs(axes(orientation)[2])
    name = ("sagittal", "coronal", "axial")[int(normal.argmax())]
    return name if normal.max() > np.cos(np.radians(15)) else f"{name}, oblique"
