"""Saves layers: an image with its scan's geometry and storage type, labels with their grid."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import napari
import numpy as np

from ... import io
from ...data.overlapping import Overlapping
from ...data.scan import Array, Grid, Mask, Scan, Storage
from ...errors import SegadvError
from ...io.output import is_dicom
from ...io.structures import save_structures
from .convert import check_labels
from .names import KEY, PART, LayerTuple
from .own_maps import as_structures
from .places import grid_from, grid_now, lies_on, matrix_from, matrix_in_mm

DICOM = ".dcm"


def save_image(path: Path, data: Any, attributes: dict[str, Any]) -> str:
    """Write an image layer; return the path.

    Raises:
        SegadvError: if the format can't hold it.
    """
    known = attributes.get("metadata", {}).get(KEY)
    array = np.asarray(data)
    colour = bool(attributes.get("rgb", False))
    shape = array.shape[:-1] if colour else array.shape
    if path.suffix.lower() == DICOM:
        return _save_series(path, array, attributes, len(shape))
    if isinstance(known, Grid) and known.shape == shape:
        scan = Scan(array, known, "grey level", Storage(str(array.dtype)), colour)
    elif isinstance(known, Scan) and known.array.shape == array.shape:
        same_type = array.dtype == known.array.dtype
        storage = known.storage if same_type else Storage(str(array.dtype))
        placed = "scale" in attributes or "affine" in attributes
        matrix = matrix_from(attributes, len(shape))
        grid = grid_now(matrix, known.grid) if placed else known.grid
        scan = replace(known, array=array, storage=storage, grid=grid)
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
    matrix = matrix_from(attributes, array.ndim)
    mask = Mask(array.astype(np.uint16), _grid_of(array, attributes))
    if path.suffix.lower() == DICOM:
        from ...io.dicom_out import write_seg

        scan = _series_below(path, array.shape, matrix, None)
        write_seg(mask, scan.meta["files"], path, _names(attributes))
        return str(path)
    structures = as_structures(mask.named(_names(attributes)))
    if isinstance(structures, Overlapping):
        # Numbers of combinations would mean other labels elsewhere.
        save_structures(structures, path)
    else:
        io.save_mask(mask, path)
    return str(path)


def save_together(path: Path, layers: Sequence[LayerTuple]) -> str:
    """Write the layers of one target, a structure each, into one file; return the path.

    Raises:
        SegadvError: if they are not all layers of one target, or the format can't hold them.
    """
    parts = [keywords.get("metadata", {}).get(PART, (None, -1)) for _, keywords, _ in layers]
    found = parts[0][0]
    order = sorted(range(len(parts)), key=lambda n: parts[n][1])
    whole = found is not None and all(each is found for each, _ in parts)
    if not whole or [parts[n][1] for n in order] != list(found.places):
        raise SegadvError(
            f"{path}: the selected layers are not all structures of one target, so they have no "
            "file in common; select these, or save one layer at a time"
        )
    maps = [np.asarray(layers[n][0]) != 0 for n in order]
    data, keywords, _ = layers[order[0]]
    if any(one.shape != maps[0].shape for one in maps):
        raise SegadvError(f"{path}: the layers have different sizes; make the target again")
    save_structures(Overlapping.of(maps, _grid_of(data, keywords), found.structures), path)
    return str(path)


def _grid_of(data: Any, attributes: dict[str, Any]) -> Grid:
    """Return the grid of labels: their own, else that of the image that they lie on."""
    known, shape = attributes.get("metadata", {}).get(KEY), np.shape(data)
    if isinstance(known, Grid) and known.shape == shape:
        return known
    return grid_below(matrix_from(attributes, len(shape)), shape)


def _save_series(path: Path, array: Array, attributes: dict[str, Any], ndim: int) -> str:
    """Write an image as a DICOM series derived from an open one: a slice as a file, a volume as a
    folder of the file's name without its suffix."""
    from ...io.dicom_out import write_series

    known = attributes.get("metadata", {}).get(KEY)
    source = known.meta if isinstance(known, Scan) else {}
    files = source.get("files") or source.get("source_files")
    scan = _series_below(path, array.shape, matrix_from(attributes, ndim), files)
    if ndim == 3:
        folder = path.with_suffix("")
        write_series(array, scan, folder)
        return str(folder)
    name = path.name.replace("{", "{{").replace("}", "}}")
    write_series(array, scan, path.parent, names=name)
    return str(path)


def _series_below(path: Path, shape: tuple[int, ...], matrix: Array, files: Any) -> Scan:
    """Return the open DICOM image that a layer lies on, pixel for pixel.

    Args:
        path: the file that is written, for messages.
        shape: of the layer's data.
        matrix: where they lie, in mm.
        files: of the image, if the layer knows them.

    Raises:
        SegadvError: if there is none, or if it may be one of several: of several patients.
    """
    viewer = napari.current_viewer()
    known = [layer.metadata.get(KEY) for layer in (() if viewer is None else viewer.layers)]
    below = [
        scan
        for scan in known
        if isinstance(scan, Scan)
        and is_dicom(scan)
        and shape[: scan.grid.ndim] == scan.grid.shape
        and lies_on(matrix, scan.grid)
        and (files is None or scan.meta["files"] == files)
    ]
    if not below:
        raise SegadvError(
            f"{path}: lies on no open image that was read from DICOM files; open that image, or "
            "save as .nii.gz"
        )
    if any(scan.meta["files"] != below[0].meta["files"] for scan in below):
        raise SegadvError(
            f"{path}: lies on several open DICOM images; close all but the one that it belongs to"
        )
    return below[0]


def _names(attributes: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the classes in a labels layer's features table, background first."""
    features = attributes.get("features")
    if features is None or not {"index", "class"} <= set(features):
        return ()
    named = dict(zip(features["index"], features["class"], strict=True))
    return tuple(str(named.get(n, f"class {n}")) for n in range(int(max(named, default=-1)) + 1))


def grid_below(matrix: Array, shape: tuple[int, ...]) -> Grid:
    """Return the grid of the open image that labels lie on, pixel for pixel, else their own.

    An oblique image is shown by its spacing alone, and that is all that labels added on it know.
    """
    viewer = napari.current_viewer()
    for layer in () if viewer is None else viewer.layers:
        known = layer.metadata.get(KEY)
        fits = isinstance(known, Scan) and known.grid.shape == shape
        if fits and layer.ndim == len(shape) and np.allclose(matrix_in_mm(layer), matrix):
            grid: Grid = known.grid
            return grid
    return grid_from(matrix, shape)
