"""Where layers lie: grids to napari's placement, and placement back to grids."""

from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.transforms import Affine

from ...data.scan import Array, Grid
from ...errors import SegadvError

# Labels of napari's sliders, which would otherwise read "-3".
AXES = ("slice", "row", "column")
MOVES = ("scale", "translate", "rotate", "shear", "affine")
PLACED = (*MOVES, "units", "axis_labels")


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
    # napari keeps an Affine that it is given: two layers would share it.
    own = {"affine": layer.affine.affine_matrix.copy()}
    return {name: getattr(layer, name) for name in PLACED} | own


def put_like(layer: Layer, image: Image) -> None:
    """Put a layer where an image of as many axes is."""
    placed = placed_like(image)
    for name in MOVES:
        setattr(layer, name, placed[name])


def same_place(one: Image | Labels, other: Image | Labels) -> bool:
    """Return whether two layers put their pixels at the same place in napari's world."""
    a, b = matrix_of(one), matrix_of(other)
    return a.shape == b.shape and bool(np.allclose(a, b, atol=1e-3))


def matrix_of(layer: Layer) -> Array:
    """Return the matrix from a layer's pixels to the world."""
    origin = np.asarray(layer.data_to_world((0.0,) * layer.ndim))
    matrix = np.eye(layer.ndim + 1)
    matrix[:-1, -1] = origin
    for axis, unit in enumerate(np.eye(layer.ndim)):
        matrix[:-1, axis] = np.asarray(layer.data_to_world(unit)) - origin
    return matrix


def matrix_in_mm(layer: Image | Labels) -> Array:
    """Return the matrix from a layer's pixels to the world in mm."""
    return in_mm(matrix_of(layer), layer.units)


def in_mm(matrix: Array, units: Any) -> Array:
    """Return a matrix to the world in mm; axes that are in no unit of length are taken as in mm.

    Args:
        matrix: from pixels to the world.
        units: of the world's axes, pint's as napari's layers have them; None: unknown.
    """
    lengths = [_mm(unit) for unit in units or ()]
    if len(lengths) != len(matrix) - 1:
        return matrix
    scaled: Array = np.diag([*lengths, 1.0]) @ matrix
    return scaled


def _mm(unit: Any) -> float:
    quantity = 1 * unit
    return float(quantity.to("mm").magnitude) if quantity.check("[length]") else 1.0


def matrix_from(attributes: dict[str, Any], ndim: int) -> Array:
    """Return the matrix to the world in mm, from the attributes that a writer gets."""
    known = {k: attributes[k] for k in ("scale", "translate", "rotate", "shear") if k in attributes}
    own = Affine(**known, ndim=ndim).affine_matrix
    outer = np.asarray(attributes.get("affine", np.eye(ndim + 1)))
    if own.shape != outer.shape or len(own) != ndim + 1:
        return np.eye(ndim + 1)
    return in_mm(outer @ own, attributes.get("units"))


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
    physical = isinstance(known, Grid) and known.physical and known.ndim == layer.ndim
    return known if physical and lies_on(matrix_in_mm(layer), known) else None


def lies_on(matrix: Array, grid: Grid) -> bool:
    """Return whether a matrix in mm puts pixels where `placement` puts those of a grid."""
    expected = _placed(grid)
    return matrix.shape == expected.shape and np.allclose(matrix, expected, rtol=1e-6, atol=1e-6)


def _placed(grid: Grid) -> Array:
    keywords = placement(grid)
    plain = np.diag([*keywords.get("scale", (1.0,) * grid.ndim), 1.0])
    return np.asarray(keywords.get("affine", plain))


def grid_now(matrix: Array, known: Grid) -> Grid:
    """Return the grid of pixels that came with one, and may have been moved since.

    Args:
        matrix: where the pixels lie now, in mm.
        known: the grid that they came with.

    Raises:
        SegadvError: if the matrix shears, which no image file can hold.
    """
    if lies_on(matrix, known):
        return known
    moved = replace(grid_from(matrix, known.shape), subject=known.subject)
    if not (known.physical and known.turned and moved.physical):
        return moved
    # Such a grid is shown by its spacing alone, from the origin: it was moved from there.
    origin = np.array(known.origin) + known.direction @ np.array(moved.origin)
    direction = known.direction @ moved.direction
    return replace(moved, origin=tuple(map(float, origin)), direction=direction)


def shown_grid(layer: Image | Labels, shape: tuple[int, ...]) -> Grid:
    """Return the grid that a layer has in napari's world, in mm or else in the world's units."""
    return replace(grid_from(matrix_in_mm(layer), shape), physical=True)
