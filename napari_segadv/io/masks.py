"""Masks: label maps of files and arrays, put on an image's grid, and written to files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..data.scan import Array, Grid, Mask, Scan, Storage
from ..errors import SegadvError
from .images import load, write
from .itk import array_of, grid_of, image_of


def read_mask(path: str | Path, grid: Grid | None = None) -> Mask:
    """Read a label map, and put it on `grid` by its geometry if one is given.

    Raises:
        SegadvError: if it can't be read, holds anything but whole numbers from 0 to 65535, or
            does not fit `grid` (see `to_grid`).
    """
    path = Path(path)
    form, image, meta = load(path)
    array, colour = array_of(image, path)
    if meta.get("broken"):
        raise SegadvError(f"{path}: holds NaN or infinity; save whole class numbers")
    if colour:
        if (array != array[..., :1]).any():
            raise SegadvError(f"{path}: is a colour image; save class numbers as grey values")
        array = array[..., 0]
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.rint(array))).all():
        raise SegadvError(f"{path}: holds fractions; save whole class numbers")
    if array.size and (array.min() < 0 or array.max() > np.iinfo(np.uint16).max):
        raise SegadvError(f"{path}: holds numbers outside 0 to 65535; renumber its classes")
    array = array.astype(np.uint8 if array.max() < 256 else np.uint16)
    mask = Mask(array, grid_of(image, form.geometry, path), path=path)
    return mask if grid is None else to_grid(mask, grid)


def mask_for(given: Mask | Array | str | Path, scan: Scan, role: str) -> Mask:
    """Return a mask on a scan's grid, put there by its geometry.

    Args:
        given: a Mask, the path of one, or an array of the scan's shape.
        scan: the image.
        role: what the mask is for; error messages begin with it.

    Raises:
        SegadvError: if it is no mask or does not fit the scan.
    """
    if isinstance(given, (str, Path)):
        return read_mask(given, scan.grid)
    if isinstance(given, Mask):
        return to_grid(given, scan.grid)
    array = np.asarray(given)
    if array.shape != scan.grid.shape or array.dtype.kind not in "iub":
        raise SegadvError(
            f"{role}: an array of shape {array.shape} and type {array.dtype} can't be a mask of "
            f"{scan.name}; give whole class numbers of shape {scan.grid.shape}"
        )
    return Mask(array.astype(np.uint16 if array.max() > 255 else np.uint8), scan.grid)


def to_grid(mask: Mask, grid: Grid) -> Mask:
    """Put a mask on an image's grid by its geometry (nearest neighbour), not by its shape.

    Raises:
        SegadvError: if either has no geometry and their shapes differ, or if more than 1 % of
            the labelled voxels would fall outside: the mask then belongs to something else.
    """
    if mask.grid.same_as(grid):
        return replace(mask, grid=grid)
    name = mask.path or "the mask"
    if mask.grid.ndim != grid.ndim or not (mask.grid.physical and grid.physical):
        raise SegadvError(
            f"{name}: has {_size(mask.grid)} pixels but the image has {_size(grid)}, and they "
            "share no geometry; use the mask that was made for this image"
        )
    lost = _share_outside(mask, grid)
    if lost > 0.01:
        raise SegadvError(
            f"{name}: {lost:.0%} of its labelled voxels lie outside the image; it belongs to "
            "another image or patient, so use the mask that was made for this one"
        )
    reference = image_of(np.zeros(grid.shape, np.uint8), grid)
    resampler = sitk.ResampleImageFilter()
    resampler.SetReferenceImage(reference)
    resampler.SetInterpolator(sitk.sitkNearestNeighbor)
    moved = sitk.GetArrayFromImage(resampler.Execute(image_of(mask.array, mask.grid)))
    return replace(mask, array=moved, grid=grid)


def save_mask(mask: Mask, path: str | Path) -> None:
    """Write a mask with its geometry, as uint8 if its numbers allow it, else as uint16.

    Raises:
        SegadvError: if the file can't be written.
    """
    kind = np.uint8 if mask.array.max(initial=0) < 256 else np.uint16
    array = mask.array.astype(kind)
    write(image_of(array, mask.grid), path, Scan(array, mask.grid, "class", Storage(kind.__name__)))


def _size(grid: Grid) -> str:
    return " x ".join(map(str, grid.shape))


def _share_outside(mask: Mask, grid: Grid) -> float:
    """Return the share of a mask's labelled voxels whose centres lie outside a grid."""
    to_index = np.linalg.inv(grid.affine) @ mask.grid.affine
    ends = np.array(grid.shape)[:, None] - 0.5
    labelled = inside = 0
    # One plane at a time: the positions of all voxels of a body would take gigabytes.
    for first, plane in enumerate(mask.array):
        index = np.stack(np.nonzero(np.atleast_1d(plane)))
        count = index.shape[1]
        place = np.vstack([np.full((1, count), first), index, np.ones((1, count))])
        there = (to_index @ place)[:-1]
        inside += int(((there >= -0.5 - 1e-6) & (there <= ends + 1e-6)).all(axis=0).sum())
        labelled += count
    return 1.0 - inside / labelled if labelled else 0.0
