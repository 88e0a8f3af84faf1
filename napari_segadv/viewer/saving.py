"""Layers to files: an image keeps its scan's geometry and storage type, labels their grid."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import io
from ..errors import SegadvError
from ..scan import Grid, Mask, Scan, Storage
from .layers import KEY


def save_image(path: Path, data: Any, attributes: dict[str, Any]) -> str:
    """Writes an image layer; returns the path.

    Raises:
        SegadvError: where the format can't hold it.
    """
    known = attributes.get("metadata", {}).get(KEY)
    array = np.asarray(data)
    colour = bool(attributes.get("rgb", False))
    shape = array.shape[:-1] if colour else array.shape
    if isinstance(known, Scan) and known.array.shape == array.shape:
        same_type = array.dtype == known.array.dtype
        storage = known.storage if same_type else Storage(str(array.dtype))
        scan = replace(known, array=array, storage=storage)
    else:
        grid = _grid(attributes, shape)
        scan = Scan(array, grid, "grey level", Storage(str(array.dtype)), colour)
    io.save(scan, path)
    return str(path)


def save_labels(path: Path, data: Any, attributes: dict[str, Any]) -> str:
    """Writes a labels layer; returns the path.

    Raises:
        SegadvError: where the format can't hold it.
    """
    array = np.asarray(data)
    if array.min(initial=0) < 0 or array.max(initial=0) > np.iinfo(np.uint16).max:
        raise SegadvError(f"{path}: labels outside 0 to 65535 can't be written")
    known = attributes.get("metadata", {}).get(KEY)
    fits = isinstance(known, Grid) and known.shape == array.shape
    grid = known if fits else _grid(attributes, array.shape)
    io.save_mask(Mask(array.astype(np.uint16), grid), path)
    return str(path)


def _grid(attributes: dict[str, Any], shape: tuple[int, ...]) -> Grid:
    """A grid from a layer's scale and translation."""
    ndim = len(shape)
    scale = tuple(abs(float(s)) or 1.0 for s in attributes.get("scale", (1.0,) * ndim))
    offset = tuple(float(t) for t in attributes.get("translate", (0.0,) * ndim))
    if len(scale) != ndim or len(offset) != ndim:
        return Grid.pixels(shape)
    return Grid(shape, scale, offset, np.eye(ndim))
