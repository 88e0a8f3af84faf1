"""Where layers lie: grids to napari's placement, and placement back to grids."""

from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.transforms import Affine

from ...data.scan import Array, Grid
from ...errors import SegadvError

# Labels of napari's sliders, which would otherwise read "-3".
AXES = ("slice", "row", "column")
PLACED = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


def placement(grid: Grid) -> dict[str, Any]:
    """Return the keywords of a layer that put a grid's pixels into napari's world.

    Flips are shown. By its affine, napari can't show the slices of a volume that is oblique or
    stored in sagittal or coronal slices. For such a grid only the spacing is used: the volume is
    shown as stored. The grid itself stays with the layer.
    """
    keywords: dict[str, Any] = {"axis_labels": AXES[-grid.ndim :]}
    if grid.physical:
        keywords["units"] = ("mm",) * grid.ndim
        keywords |= {"scale": grid.spacing} if grid.turned else {"affine": grid.affine}
    return keywords


def placed_like(layer: Image | Labels) -> dict[str, Any]:
    """Return the keywords that put another layer of the same pixels exactly where this one is."""
    return {name: getattr(layer, name) for name in PLACED}


def same_place(one: Image | Labels, other: Image | Labels) -> bool:
    """Return whether two layers put their pixels at the same place in napari's world."""
    a, b = matrix_of(one), matrix_of(other)
    return a.shape == b.shape and bool(np.allclose(a, b, atol=1e-3))


def matrix_of(layer: Image | Labels) -> Array:
    """Return the matrix from a layer's pixels to the world."""
    origin = np.asarray(layer.data_to_world((0.0,) * layer.ndim))
    matrix = np.eye(layer.ndim + 1)
    matrix[:-1, -1] = origin
    for axis, unit in enumerate(np.eye(layer.ndim)):
        matrix[:-1, axis] = np.asarray(layer.data_to_world(unit)) - origin
    return matrix


def matrix_from(attributes: dict[str, Any], ndim: int) -> Array:
    """Return the same matrix, from the attributes that a writer gets."""
    known = {k: attributes[k] for k in ("scale", "translate", "rotate", "shear") if k in attributes}
    own = Affine(**known, ndim=ndim).affine_matrix
    outer = np.asarray(attributes.get("affine", np.eye(ndim + 1)))
    if own.shape != outer.shape or len(own) != ndim + 1:
        return np.eye(ndim + 1)
    matrix: Array = outer @ own
    return matrix


def grid_from(matrix: Array, shape: tuple[int, ...]) -> Grid:
    """Return the grid of pixels that a matrix puts into the world.

    Raises:
        SegadvError: if the matrix shears, which no image file can hold.
    """
    linear = matrix[:-1, :-1]
    spacing = np.linalg.norm(linear, axis=0)
    if np.allclose(matrix, np.eye(len(matrix))) or not spacing.all():
        return Grid.pixels(shape)
    direction = linear / spacing
    if not np.allclose(direction.T @ direction, np.eye(len(shape)), atol=1e-3):
        raise SegadvError("the layer is sheared, which no image file can hold; reset its shear")
    origin = tuple(float(t) for t in matrix[:-1, -1])
    return Grid(shape, tuple(float(s) for s in spacing), origin, direction)


def kept_grid(layer: Image | Labels, known: Any) -> Grid | None:
    """Return the grid that a layer came with, unless the layer has been moved since."""
    if not (isinstance(known, Grid) and known.physical and known.ndim == layer.ndim):
        return None
    keywords = placement(known)
    expected = keywords.get("affine", np.diag([*keywords.get("scale", ()), 1.0]))
    return known if np.allclose(matrix_of(layer), expected, atol=1e-3) else None


def shown_grid(layer: Image | Labels, shape: tuple[int, ...]) -> Grid:
    """Return the grid that a layer has in napari's world, in mm or else in the world's units."""
    return replace(grid_from(matrix_of(layer), shape), physical=True)
