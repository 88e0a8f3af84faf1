"""Where layers lie: grids as napari's placement, and the grids of layers from their placement."""

from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.transforms import Affine

from ...data.scan import Array, Grid
from ...errors import SegadvError

# What napari writes beside its sliders; unnamed axes are "-3" there.
AXES = ("slice", "row", "column")
PLACED = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


def placement(grid: Grid) -> dict[str, Any]:
    """How a grid's pixels are put into napari's world: keywords of a layer.

    Flips are shown; napari can't show slices of a volume that is oblique, or stored in sagittal
    or coronal slices, by its affine, so of such a grid only the spacing is used: it is shown as
    it is stored. The grid itself stays with the layer.
    """
    keywords: dict[str, Any] = {"axis_labels": AXES[-grid.ndim :]}
    if grid.physical:
        keywords["units"] = ("mm",) * grid.ndim
        keywords |= {"scale": grid.spacing} if grid.turned else {"affine": grid.affine}
    return keywords


def placed_like(layer: Image | Labels) -> dict[str, Any]:
    """The keywords that put another layer of the same pixels exactly where this one is."""
    return {name: getattr(layer, name) for name in PLACED}


def same_place(one: Image | Labels, other: Image | Labels) -> bool:
    """Whether two layers put their pixels at the same place of napari's world."""
    a, b = matrix_of(one), matrix_of(other)
    return a.shape == b.shape and bool(np.allclose(a, b, atol=1e-3))


def matrix_of(layer: Image | Labels) -> Array:
    """The matrix from a layer's pixels to the world."""
    origin = np.asarray(layer.data_to_world((0.0,) * layer.ndim))
    matrix = np.eye(layer.ndim + 1)
    matrix[:-1, -1] = origin
    for axis, unit in enumerate(np.eye(layer.ndim)):
        matrix[:-1, axis] = np.asarray(layer.data_to_world(unit)) - origin
    return matrix


def matrix_from(attributes: dict[str, Any], ndim: int) -> Array:
    """The same matrix from the attributes that a writer is given."""
    known = {k: attributes[k] for k in ("scale", "translate", "rotate", "shear") if k in attributes}
    own = Affine(**known, ndim=ndim).affine_matrix
    outer = np.asarray(attributes.get("affine", np.eye(ndim + 1)))
    if own.shape != outer.shape or len(own) != ndim + 1:
        return np.eye(ndim + 1)
    matrix: Array = outer @ own
    return matrix


def grid_from(matrix: Array, shape: tuple[int, ...]) -> Grid:
    """The grid of pixels that a matrix puts into the world.

    Raises:
        SegadvError: where the matrix shears, which no image file can hold.
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
    """The grid that a layer came with, while the layer still lies where that puts it."""
    if not (isinstance(known, Grid) and known.physical and known.ndim == layer.ndim):
        return None
    keywords = placement(known)
    expected = keywords.get("affine", np.diag([*keywords.get("scale", ()), 1.0]))
    return known if np.allclose(matrix_of(layer), expected, atol=1e-3) else None


def shown_grid(layer: Image | Labels, shape: tuple[int, ...]) -> Grid:
    """The grid that a layer has in napari's world, in world units if not in mm."""
    return replace(grid_from(matrix_of(layer), shape), physical=True)
