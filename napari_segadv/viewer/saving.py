"""Layers to files: an image keeps its scan's geometry and storage type, labels their grid."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import io
from ..scan import Grid, Mask, Scan, Storage
from .layers import KEY, check_labels
from .places import grid_from, matrix_from


def save_image(path: Path, data: Any, attributes: dict[str, Any]) -> str:
    """Writes an image layer; returns the path.

    Raises:
        SegadvError: where the format can't hold it.
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
    """Writes a labels layer; returns the path.

    Raises:
        SegadvError: where the format can't hold it.
    """
    array = np.asarray(data)
    check_labels(array, str(path))
    known = attributes.get("metadata", {}).get(KEY)
    fits = isinstance(known, Grid) and known.shape == array.shape
    matrix = matrix_from(attributes, array.ndim)
    grid = known if fits else grid_from(matrix, array.shape)
    io.save_mask(Mask(array.astype(np.uint16), grid), path)
    return str(path)
