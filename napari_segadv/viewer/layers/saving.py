"""Saves layers: an image with its scan's geometry and storage type, labels with their grid."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import napari
import numpy as np

from ... import io
from ...data.scan import Array, Grid, Mask, Scan, Storage
from .convert import check_labels
from .names import KEY
from .places import grid_from, matrix_from, matrix_of


def save_image(path: Path, data: Any, attributes: dict[str, Any]) -> str:
    """Write an image layer; return the path.

    Raises:
        SegadvError: if the format can't hold it.
    """
    known = attributes.get("metadata", {}).get(KEY)
    array = np.asarray(data)
    colour = bool(attributes.get("rgb", False))
    shape = array.shape[:-1] if colour else array.shape
    if isinstance(known, Grid) and known.shape == shape:
        scan = Scan(array, known, "grey level", Storage(str(array.dtype)), colour)
    elif isinstance(known, Scan) and known.array.shape == array.shape:
        same_type = array.dtype == known.array.dtype
        storage = known.storage if same_type else Storage(str(array.dtype))
        scan = replace(known, array=array, storage=storage)
    else:
        grid = grid_from(matrix_from(attributes, len(shape)), shape)
        scan = Scan(array, grid, "grey level", Storage(str(array.dtype)), colour)
    io.save(scan, path)
    return str(path)


def save_labels(path: Path, data: Any, attributes: dict[str, Any]) -> str:
    """Write a labels layer; return the path.

    Raises:
        SegadvError: if the format can't hold it.
    """
    array = np.asarray(data)
    check_labels(array, str(path))
    known = attributes.get("metadata", {}).get(KEY)
    fits = isinstance(known, Grid) and known.shape == array.shape
    matrix = matrix_from(attributes, array.ndim)
    grid = known if fits else grid_below(matrix, array.shape)
    io.save_mask(Mask(array.astype(np.uint16), grid), path)
    return str(path)


def grid_below(matrix: Array, shape: tuple[int, ...]) -> Grid:
    """Return the grid of the open image that labels lie on, pixel for pixel, else their own.

    An oblique image is shown by its spacing alone, and that is all that labels added on it know.
    """
    viewer = napari.current_viewer()
    for layer in () if viewer is None else viewer.layers:
        known = layer.metadata.get(KEY)
        fits = isinstance(known, Scan) and known.grid.shape == shape
        if fits and layer.ndim == len(shape) and np.allclose(matrix_of(layer), matrix):
            grid: Grid = known.grid
            return grid
    return grid_from(matrix, shape)
