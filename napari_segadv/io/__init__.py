"""Files to Scans and Masks, and back."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..common.atomic_files import HALF
from ..data.scan import HU_BELOW, Array, Grid, Mask, Scan, Storage
from ..errors import SegadvError
from .itk import array_of, grid_of, image_of
from .registry import Format, format_of, suffix

__all__ = [
    "mask_for",
    "output_format",
    "read",
    "read_mask",
    "save",
    "save_array",
    "save_mask",
    "to_grid",
]

PNG_TYPES = ("uint8", "uint16")


def read(path: str | Path) -> Scan:
    """Reads an image: NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF or a DICOM series.

    Args:
        path: a file, or the folder of a DICOM series.

    Returns:
        The Scan, (z, y, x) or (y, x), RGB last, in HU if it is a CT and grey levels otherwise.

    Raises:
        SegadvError: where there is no such file, it can't be read, has more than three
            dimensions, or holds NaN, infinities or one value only.
    """
    path = Path(path)
    form, image, meta = _load(path)
    array, colour = array_of(image, path)
    _check(array, path, meta.pop("broken", 0))
    storage = Storage(str(array.dtype))
    if "scaling" in meta:
        storage = Storage(*meta.pop("scaling"))
    meta["format"] = form.name
    units = _units(array, form, meta, colour)
    return Scan(array, grid_of(image, form.geometry, path), units, storage, colour, path, meta)


def read_mask(path: str | Path, grid: Grid | None = None) -> Mask:
    """Reads a label map, brought onto `grid` by its geometry if one is given.

    Raises:
        SegadvError: where it can't be read, holds no whole numbers from 0 to 65535, or does not
            fit `grid` (see `to_grid`).
    """
    path = Path(path)
    form, image, meta = _load(path)
    array, colour = array_of(image, path)
    if meta.get("broken"):
        raise SegadvError(f"{path}: holds NaN or infinity; a mask holds whole class numbers")
    if colour:
        if (array != array[..., :1]).any():
            raise SegadvError(f"{path}: a colour image is no mask; save class numbers as grey")
        array = array[..., 0]
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.rint(array))).all():
        raise SegadvError(f"{path}: holds fractions; a mask holds whole class numbers")
    if array.size and (array.min() < 0 or array.max() > np.iinfo(np.uint16).max):
        raise SegadvError(f"{path}: holds numbers outside 0 to 65535; those are no class numbers")
    array = array.astype(np.uint8 if array.max() < 256 else np.uint16)
    mask = Mask(array, grid_of(image, form.geometry, path), path=path)
    return mask if grid is None else to_grid(mask, grid)


def mask_for(given: Mask | Array | str | Path, scan: Scan, role: str) -> Mask:
    """A mask on a scan's grid, brought there by its geometry.

    Args:
        given: a Mask, the path of one, or an array of the scan's shape.
        scan: the image.
        role: what the mask is for, to say so in an error.

    Raises:
        SegadvError: where it is no mask, or does not fit.
    """
    if isinstance(given, (str, Path)):
        return read_mask(given, scan.grid)
    if isinstance(given, Mask):
        return to_grid(given, scan.grid)
    array = np.asarray(given)
    if array.shape != scan.grid.shape or array.dtype.kind not in "iub":
        raise SegadvError(
            f"{role}: an array of shape {array.shape} and type {array.dtype} is no mask of "
            f"{scan.name}; give class numbers of shape {scan.grid.shape}"
        )
    return Mask(array.astype(np.uint16 if array.max() > 255 else np.uint8), scan.grid)


def to_grid(mask: Mask, grid: Grid) -> Mask:
    """Puts a mask on an image's grid by its geometry (nearest neighbour), not by its shape.

    Raises:
        SegadvError: where either has no geometry and their shapes differ, or where more than
            1 % of the labelled voxels would fall outside: it is a mask of something else.
    """
    if mask.grid.same_as(grid):
        return replace(mask, grid=grid)
    name = mask.path or "the mask"
    if mask.grid.ndim != grid.ndim or not (mask.grid.physical and grid.physical):
        raise SegadvError(
            f"{name}: has {_size(mask.grid)} pixels but the image has {_size(grid)}, and no common "
            "geometry; use the mask that was made for this image"
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


def output_format(scan: Scan) -> tuple[str, str]:
    """The suffix that a scan's adversarial image is saved with, and why if it is another one."""
    if scan.path is None:
        flat = scan.grid.ndim == 2 and not scan.grid.physical
        return (".png" if flat and scan.storage.dtype in PNG_TYPES else ".nii.gz"), ""
    form = format_of(scan.path)
    kept = form.write is not None and suffix(scan.path) in form.suffixes
    return (suffix(scan.path) if kept else form.saved_as), form.why_not


def save(scan: Scan, path: str | Path) -> None:
    """Writes a scan's pixels as its storage holds them, geometry and scaling included.

    Raises:
        SegadvError: where the format can't hold it or the file can't be written.
    """
    stored = scan.array
    if scan.storage.dtype != str(stored.dtype):
        unscaled = (stored.astype(np.float64) - scan.storage.intercept) / scan.storage.slope
        stored = np.rint(unscaled) if scan.storage.integer else unscaled
        stored = stored.astype(scan.storage.dtype)
    _write(image_of(stored, scan.grid, scan.colour), path, scan)


def save_array(array: Array, path: str | Path, scan: Scan) -> None:
    """Writes an array on a scan's grid as float32 (noise, for instance).

    Components come last and are written as they are: a displacement's in array order.
    """
    plain = replace(scan, storage=Storage("float32"))
    several = array.ndim > scan.grid.ndim
    _write(image_of(array.astype(np.float32), scan.grid, several), path, plain)


def save_mask(mask: Mask, path: str | Path) -> None:
    """Writes a mask with its geometry: uint8 where its numbers allow.

    Raises:
        SegadvError: where the file can't be written.
    """
    kind = np.uint8 if mask.array.max(initial=0) < 256 else np.uint16
    array = mask.array.astype(kind)
    _write(
        image_of(array, mask.grid), path, Scan(array, mask.grid, "class", Storage(kind.__name__))
    )


def _write(image: sitk.Image, place: str | Path, scan: Scan) -> None:
    path = Path(place)
    form = format_of(path)
    if form.write is None:
        raise SegadvError(f"{path}: {form.name} can't be written; use {form.saved_as}")
    if scan.grid.ndim == 3 and form.dimensions == "2-D":
        raise SegadvError(f"{path}: {form.name} holds one slice, not a volume; use .nii.gz")
    # Beside the file and then in its place: nothing is ever half-written, and some formats
    # make two files that name each other.
    try:
        with tempfile.TemporaryDirectory(prefix=HALF, dir=path.parent) as half:
            form.write(image, Path(half) / path.name, scan)
            _check_written(form, Path(half) / path.name, path)
            for made in sorted(Path(half).iterdir()):
                made.replace(path.parent / made.name)
    except OSError as error:
        raise SegadvError(
            f"{path}: can't be written ({error.strerror or error}); name another file"
        ) from None


def files_of(path: Path) -> list[Path]:
    """The files that an image lies in: of some formats the pixels lie beside their header."""
    files = format_of(path).files
    return [path] if files is None else list(files(path))


def _check_written(form: Format, written: Path, path: Path) -> None:
    """Some writers of ITK's report nothing of a full disk."""
    try:
        form.read(written)
    except SegadvError:
        raise SegadvError(
            f"{path}: what was written can't be read back; make room on the disk, or name "
            "another file"
        ) from None


def _load(path: Path) -> tuple[Format, sitk.Image, dict[str, Any]]:
    if not path.exists():
        raise SegadvError(f"{path}: no such file or folder; check the name")
    form = format_of(path)
    image, meta = form.read(path)
    if image.GetDimension() not in (2, 3):
        size = " x ".join(map(str, image.GetSize()))
        raise SegadvError(
            f"{path}: has {image.GetDimension()} dimensions ({size}); save one volume"
        )
    return form, image, meta


def _check(array: Array, path: Path, broken: int) -> None:
    broken = broken or int(array.size - np.isfinite(array).sum())
    if broken:
        raise SegadvError(
            f"{path}: {broken} of {array.size} values are NaN or infinite; "
            "replace them by numbers (air is -1024 in a CT)"
        )
    if max(abs(float(array.min())), abs(float(array.max()))) > float(np.finfo(np.float32).max):
        raise SegadvError(f"{path}: holds values beyond what float32 can compute with; rescale it")
    if array.min() == array.max():
        raise SegadvError(
            f"{path}: every pixel is {array.flat[0]}; there is nothing to attack in it, so check "
            "that it is the right file"
        )


def _units(array: Array, form: Format, meta: dict[str, Any], colour: bool) -> str:
    if "modality" in meta:
        return "HU" if meta["modality"] == "CT" else "grey level"
    return "HU" if form.geometry and not colour and array.min() < HU_BELOW else "grey level"


def _size(grid: Grid) -> str:
    return " x ".join(map(str, grid.shape))


def _share_outside(mask: Mask, grid: Grid) -> float:
    """Share of a mask's labelled voxels whose centres lie outside a grid."""
    to_index = np.linalg.inv(grid.affine) @ mask.grid.affine
    ends = np.array(grid.shape)[:, None] - 0.5
    labelled = inside = 0
    # A plane at a time: the places of all voxels of a body would need gigabytes.
    for first, plane in enumerate(mask.array):
        index = np.stack(np.nonzero(np.atleast_1d(plane)))
        count = index.shape[1]
        place = np.vstack([np.full((1, count), first), index, np.ones((1, count))])
        there = (to_index @ place)[:-1]
        inside += int(((there >= -0.5 - 1e-6) & (there <= ends + 1e-6)).all(axis=0).sum())
        labelled += count
    return 1.0 - inside / labelled if labelled else 0.0
