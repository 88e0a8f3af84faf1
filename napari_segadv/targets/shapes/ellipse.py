"""An ellipse or ellipsoid in place of a structure."""

from typing import Annotated

import numpy as np

from ...common.parameters import Param
from ...data.scan import Mask
from ...errors import SegadvError
from ..structure import Bool, Float, GivenUp, Label, centre, redraw, structure


def ellipse(
    mask: Mask,
    label: Label,
    size: Annotated[float, Param("Linear scale of the ellipse", 0.05, 5.0, step=0.1)] = 1.0,
    axes: Annotated[
        tuple[float, ...] | None,
        Param(
            "Half-axes: slices, rows, columns (2-D: rows, columns); none: fitted to the structure",
            low=0.01,
            unit="mm",
        ),
    ] = None,
    to: GivenUp = 0,
) -> Mask:
    """Replace a structure by an ellipse, in a volume an ellipsoid, at its centre of mass.

    The ellipse covers other structures that lie there.

    Args:
        mask: the label map to start from.
        label: the structure.
        size: linear scale.
        axes: half-axes in mm, in array order; None: the ellipse has the structure's second
            moments, and so its tilt.
        to: class of the pixels that it leaves; None: the class around it, as for a cup in its disc.

    Raises:
        SegadvError: if the mask does not have the label, `axes` has the wrong length, or the
            ellipse is smaller than a pixel.
    """
    old = structure(mask, label)
    ndim = mask.grid.ndim
    if axes is not None and len(axes) != ndim:
        order = "slices, rows, columns" if ndim == 3 else "rows, columns"
        raise SegadvError(f"axes {','.join(f'{a:g}' for a in axes)}: give {ndim} numbers ({order})")
    matrix = own_matrix(mask, old) if axes is None else np.diag(np.square(axes))
    new = inside(mask, centre(old), matrix * size**2)
    if not new.any():
        raise SegadvError("ellipse: is smaller than a pixel; give a larger size")
    return redraw(mask, old, new, label, to)


def own_matrix(mask: Mask, pixels: Bool) -> Float:
    """Return the matrix A, in mm^2, of the ellipse x' A^-1 x = 1 with the pixels' second moments.

    A uniform ellipse of n dimensions has the covariance A / (n + 2).
    """
    spacing = np.array(mask.grid.spacing)
    places = np.array(np.nonzero(pixels), np.float64) * spacing[:, None]
    # A pixel is as wide as the spacing, not a point: a plane has a thickness too.
    spread = np.cov(places, bias=True) + np.diag(spacing**2 / 12)
    matrix: Float = (mask.grid.ndim + 2) * spread
    return matrix


def inside(mask: Mask, middle: Float, matrix: Float) -> Bool:
    """Return the pixels x with x' matrix^-1 x <= 1, x in mm from a centre given in pixels."""
    spacing = np.array(mask.grid.spacing)
    # Only the ellipse's bounding box is computed: a volume has many more pixels.
    reach = np.sqrt(np.diag(matrix)) / spacing
    ends = np.array(mask.grid.shape)
    low = np.clip(np.ceil(middle - reach), 0, ends).astype(int)
    high = np.clip(np.floor(middle + reach) + 1, low, ends).astype(int)
    box = tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))
    steps = [(index - c) * s for index, c, s in zip(np.ogrid[box], middle, spacing, strict=True)]
    inverse = np.linalg.inv(matrix)
    total = sum(
        inverse[i, j] * one * other for i, one in enumerate(steps) for j, other in enumerate(steps)
    )
    new = np.zeros(mask.grid.shape, bool)
    new[box] = total <= 1
    return new
