"""Affines of files to grids and back: order of axes, rounding, shears."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..data.scan import Grid, Scan
from ..errors import SegadvError

Matrix = npt.NDArray[np.float64]

# Cosine of the angle between two axes that still counts as a right angle.
SKEW = 1e-3
# How far repairing the axes may move a pixel, in pixels.
MOST_MOVED = 0.01
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Where the affine of a volume's NIfTI file is kept in the scan's `meta`.
VOLUME_AFFINE = "nifti_volume_affine"
# The affine of its qform, where that is another place than the sform's.
QFORM = "nifti_qform"
# Millimetres in the units of length that files name.
MILLIMETRES = {
    "nm": 1e-6,
    "um": 1e-3,
    "µm": 1e-3,  # micro sign
    "μm": 1e-3,  # Greek mu
    "micron": 1e-3,
    "microns": 1e-3,
    "micrometer": 1e-3,
    "micrometre": 1e-3,
    "mm": 1.0,
    "millimeter": 1.0,
    "millimetre": 1.0,
    "cm": 10.0,
    "centimeter": 10.0,
    "centimetre": 10.0,
    "m": 1e3,
    "meter": 1e3,
    "metre": 1e3,
    "inch": 25.4,
    "in": 25.4,
}


def grid_from_ras(affine: Matrix, shape: tuple[int, ...], path: Path) -> Grid:
    """Return the grid of a NIfTI affine.

    Args:
        affine: (4, 4), from the index (x, y, z) to mm towards right, anterior, superior (RAS).
        shape: of the array, (z, y, x) or (y, x).
        path: the file, for messages.

    Raises:
        SegadvError: as `grid_from_lps`.

    Examples:
        >>> grid = grid_from_ras(np.diag([-0.7, -0.8, 3.0, 1.0]), (4, 20, 30), Path("ct.nii"))
        >>> grid.spacing, grid.direction.tolist()
        ((3.0, 0.8, 0.7), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    """
    turned = np.array(affine, np.float64)
    turned[:2] *= -1  # exact, and silent about NaN, which a product of matrices is not
    return grid_from_lps(turned, shape, path)


def grid_from_lps(affine: Matrix, shape: tuple[int, ...], path: Path) -> Grid:
    """Return the grid of an affine from the index (x, y, z) to mm (left, posterior, superior).

    Axes that rounding has turned by less than `SKEW` are accepted. They become exactly
    perpendicular if that moves no pixel by more than `MOST_MOVED`; else they stay as they are.
    A 2-D image is placed in its own plane, see `plane_of`.

    Raises:
        SegadvError: if it holds NaN or infinity, an axis of length 0, or axes that are not at right
            angles.

    Examples:
        >>> sheared = np.eye(4)
        >>> sheared[0, 1] = 0.2
        >>> grid_from_lps(sheared, (4, 20, 30), Path("a.nii"))
        Traceback (most recent call last):
        napari_segadv.errors.SegadvError: a.nii: its axes are not at right angles (78.7 degrees: a \
shear, or a tilted gantry); resample it first
    """
    if len(shape) == 2 and len(affine) == 4:
        affine = plane_of(affine)
    ndim = len(shape)
    if not np.isfinite(affine).all():
        raise SegadvError(f"{path}: its geometry holds NaN or infinity; correct its header")
    matrix = affine[:ndim, :ndim]
    with np.errstate(over="ignore"):
        spacing = np.sqrt((matrix**2).sum(axis=0))
    if (spacing < 1e-9).any() or not np.isfinite(spacing).all():
        raise SegadvError(
            f"{path}: an axis of its geometry has length 0 or none that makes sense; correct the "
            "spacing in its header"
        )
    axes = matrix / spacing
    skew = float(np.abs(axes.T @ axes - np.eye(ndim)).max())
    if skew > SKEW:
        angle = np.degrees(np.arccos(min(skew, 1.0)))
        raise SegadvError(
            f"{path}: its axes are not at right angles ({angle:.3g} degrees: a shear, or a tilted "
            "gantry); resample it first"
        )
    axes = _repaired(axes, shape[::-1])
    return Grid(
        shape,
        tuple(float(s) for s in spacing[::-1]),
        tuple(float(o) for o in affine[:ndim, -1][::-1]),
        np.ascontiguousarray(axes[::-1, ::-1]),
    )


def _repaired(axes: Matrix, size: tuple[int, ...]) -> Matrix:
    """Return the nearest perpendicular axes, if hardly a pixel moves, else the same axes."""
    left, _, right = np.linalg.svd(axes)
    nearest: Matrix = left @ right
    nearest[np.abs(nearest) < 1e-12] = 0.0
    moved = np.abs((nearest - axes) * (np.array(size) - 1)).sum(axis=1).max()
    return nearest if moved < MOST_MOVED else axes


def plane_of(affine: Matrix) -> Matrix:
    """Return a 2-D image's affine (3, 3) in its plane from its affine (4, 4) in space.

    The plane's axes are the two world axes that lie best along it, laid into it. So two images of
    one plane lie on each other as they do in space, however they are stored, and an axial slice
    has the usual x and y.
    """
    columns = affine[:3, :2]
    with np.errstate(invalid="ignore"):
        normal = np.cross(columns[:, 0], columns[:, 1])
        normal = normal / np.linalg.norm(normal)
    if not np.isfinite(normal).all():
        # An axis of length 0 or the like, which the caller refuses.
        return np.block([[columns[:2], affine[:2, 3:]], [np.zeros((1, 2)), np.ones((1, 1))]])
    # Rounded, so that rounding in a file does not decide at an angle of 45 degrees.
    kept = [axis for axis in range(3) if axis != int(np.abs(normal).round(3).argmax())]
    laid = np.eye(3)[:, kept] - np.outer(normal, normal[kept])
    left, _, right = np.linalg.svd(laid, full_matrices=False)
    basis = left @ right
    flat = np.eye(3)
    flat[:2, :2], flat[:2, 2] = basis.T @ columns, basis.T @ affine[:3, 3]
    return flat


def flat_grid(grid: Grid) -> Grid:
    """Return the 2-D grid of a volume's only slice, placed in its own plane, see `plane_of`.

    Examples:
        >>> coronal = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        >>> slice_of_ct = Grid((1, 4, 6), (3.0, 0.8, 0.7), (90.0, 20.0, -10.0), coronal)
        >>> flat = flat_grid(slice_of_ct)
        >>> flat.spacing, flat.origin, flat.direction.tolist()
        ((0.8, 0.7), (90.0, -10.0), [[-1.0, 0.0], [0.0, 1.0]])
    """
    shape, spacing = grid.shape[1:], grid.spacing[1:]
    if not grid.physical:
        return Grid(shape, spacing, (0.0, 0.0), np.eye(2), False, grid.subject)
    flat = plane_of(lps_of(grid))
    # Adding 0 turns -0 into 0.
    direction = (flat[:2, :2] / np.array(spacing[::-1]))[::-1, ::-1] + 0.0
    row, column = (float(mm) for mm in flat[:2, 2][::-1])
    turned = np.ascontiguousarray(direction)
    return Grid(shape, spacing, (row, column), turned, subject=grid.subject)


def lps_of(grid: Grid) -> Matrix:
    """Return the affine (4, 4) of a grid from the index (x, y, z) to LPS; a 2-D image is axial."""
    ndim = grid.ndim
    affine = np.eye(4)
    affine[:ndim, :ndim] = grid.affine[:-1, :-1][::-1, ::-1]
    affine[:ndim, 3] = grid.origin[::-1]
    return affine


def ras_of(grid: Grid) -> Matrix:
    """Return the affine (4, 4) of a grid as NIfTI has it."""
    return np.asarray(LPS @ lps_of(grid), np.float64)


def affine_text(affine: Matrix) -> str:
    """Return an affine (4, 4) as text that `affine_in` reads back bit by bit."""
    return " ".join(repr(float(v)) for v in affine[:3].ravel())


def affine_in(text: str) -> Matrix:
    """Return the affine (4, 4) that a text holds.

    Raises:
        ValueError: if it holds none.
    """
    return np.vstack([np.array(text.split(), np.float64).reshape(3, 4), [0, 0, 0, 1]])


def as_stored(scan: Scan) -> Matrix | None:
    """Return the affine (4, 4) that a volume's NIfTI file holds, from the index (x, y, z) to RAS.

    A grid differs from it in the last digits, since its axes are made exactly perpendicular.

    Returns:
        The affine, bit by bit; None if there is none, or the volume lies elsewhere by now.
    """
    known = scan.singles[0].meta.get(VOLUME_AFFINE)
    if scan.grid.ndim != 3 or not isinstance(known, str):
        return None
    try:
        affine = affine_in(known)
        grid = grid_from_ras(affine, scan.grid.shape, Path())
    except (ValueError, SegadvError):
        return None  # edited by somebody: the grid alone counts
    alike = np.allclose(grid.affine, scan.grid.affine, rtol=1e-6, atol=1e-5)
    return affine if alike else None


def millimetres(words: Sequence[str]) -> tuple[float, tuple[str, ...]]:
    """Return the mm in the unit of length that a header names, and a note if it is not mm.

    Args:
        words: the unit of each axis; an empty one counts for nothing.

    Examples:
        >>> millimetres(["cm", "cm"])
        (10.0, ('Its lengths are in cm; here they are in mm.',))
        >>> millimetres(["ell"])
        (1.0, ('Its unit of length (ell) is unknown: mm is assumed.',))
    """
    named = sorted({word.strip() for word in words if word.strip()})
    if not named or named == ["mm"]:
        return 1.0, ()
    if len(named) > 1 or named[0] not in MILLIMETRES:
        return 1.0, (f"Its unit of length ({', '.join(named)[:40]}) is unknown: mm is assumed.",)
    return MILLIMETRES[named[0]], (f"Its lengths are in {named[0]}; here they are in mm.",)
