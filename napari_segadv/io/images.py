"""Images: files to Scans and back, and float32 arrays on a scan's grid."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..common.atomic_files import HALF
from ..data.scan import HU_BELOW, Array, Scan, Storage
from ..errors import SegadvError
from .itk import array_of, grid_of, image_of
from .registry import Format, format_of, suffix

PNG_TYPES = ("uint8", "uint16")


def read(path: str | Path) -> Scan:
    """Read an image: NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF or a DICOM series.

    Args:
        path: a file, or the folder of a DICOM series.

    Returns:
        The Scan, (z, y, x) or (y, x), RGB last, in HU if it is a CT and grey levels otherwise.

    Raises:
        SegadvError: if there is no such file, or if it can't be read, has more than three
            dimensions, or holds NaN, infinities or only one value.

    Examples:
        >>> import numpy as np
        >>> from napari_segadv import Scan, io, read
        >>> volume = np.full((4, 20, 30), -1000, np.int16)
        >>> volume[:, 5:15, 10:20] = 40
        >>> io.save(Scan.from_array(volume, (3.0, 0.8, 0.7), units="HU"), "ct.nii.gz")
        >>> scan = read("ct.nii.gz")
        >>> scan.array.shape, scan.units, [round(mm, 3) for mm in scan.grid.spacing]
        ((4, 20, 30), 'HU', [3.0, 0.8, 0.7])
        >>> read("ct.nii")  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        napari_segadv.errors.SegadvError: ct.nii: no such file or folder; check the name
    """
    path = Path(path)
    form, image, meta = load(path)
    array, colour = array_of(image, path)
    _check(array, path, meta.pop("broken", 0))
    storage = Storage(str(array.dtype))
    if "scaling" in meta:
        storage = Storage(*meta.pop("scaling"))
    meta["format"] = form.name
    units = _units(array, form, meta, colour)
    return Scan(array, grid_of(image, form.geometry, path), units, storage, colour, path, meta)


def output_format(scan: Scan) -> tuple[str, str]:
    """Return the suffix to save a scan's adversarial image with, and the reason if it differs."""
    if scan.path is None:
        flat = scan.grid.ndim == 2 and not scan.grid.physical
        return (".png" if flat and scan.storage.dtype in PNG_TYPES else ".nii.gz"), ""
    form = format_of(scan.path)
    kept = form.write is not None and suffix(scan.path) in form.suffixes
    return (suffix(scan.path) if kept else form.saved_as), form.why_not


def save(scan: Scan, path: str | Path) -> None:
    """Write a scan's pixels in its storage type, with geometry and scaling.

    Raises:
        SegadvError: if the format can't hold it or the file can't be written.
    """
    stored = scan.array
    if scan.storage.dtype != str(stored.dtype):
        unscaled = (stored.astype(np.float64) - scan.storage.intercept) / scan.storage.slope
        stored = np.rint(unscaled) if scan.storage.integer else unscaled
        stored = stored.astype(scan.storage.dtype)
    write(image_of(stored, scan.grid, scan.colour), path, scan)


def save_array(array: Array, path: str | Path, scan: Scan) -> None:
    """Write an array on a scan's grid, for example noise, as float32.

    Components come last and keep their order: those of a displacement are in array order.
    """
    plain = replace(scan, storage=Storage("float32"))
    several = array.ndim > scan.grid.ndim
    write(image_of(array.astype(np.float32), scan.grid, several), path, plain)


def read_array(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Read an array that `save_array` wrote, components last.

    Args:
        path: the file.
        shape: the shape that it must have, components included.

    Raises:
        SegadvError: if it can't be read, has another shape, or holds NaN or infinities.
    """
    if not path.is_file():
        raise SegadvError(f"{path}: no such file; restore it from a copy of the folder")
    image, meta = format_of(path).read(path)
    array = sitk.GetArrayFromImage(image)
    if array.shape != shape:
        raise SegadvError(
            f"{path}: has shape {array.shape} but needs {shape}; restore it from a copy of the "
            "folder"
        )
    if meta.get("broken") or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise SegadvError(
            f"{path}: holds values that are not finite numbers; restore it from a copy of the "
            "folder"
        )
    return np.asarray(array, np.float32)


def write(image: sitk.Image, place: str | Path, scan: Scan) -> None:
    path = Path(place)
    form = format_of(path)
    if form.write is None:
        raise SegadvError(f"{path}: {form.name} can't be written; use {form.saved_as}")
    if scan.grid.ndim == 3 and form.dimensions == "2-D":
        raise SegadvError(f"{path}: {form.name} holds one slice, not a volume; use .nii.gz")
    # Write into a folder beside the file, then move everything into place: nothing is ever
    # half-written, and some formats make two files that name each other.
    try:
        with tempfile.TemporaryDirectory(prefix=HALF, dir=path.parent) as half:
            form.write(image, Path(half) / path.name, scan)
            _check_written(form, Path(half) / path.name, path)
            for file in sorted(Path(half).iterdir()):
                file.replace(path.parent / file.name)
    except OSError as error:
        raise SegadvError(
            f"{path}: can't be written ({error.strerror or error}); name another file"
        ) from None


def files_of(path: Path) -> list[Path]:
    """List the files of an image: some formats keep the pixels in a file beside the header."""
    files = format_of(path).files
    return [path] if files is None else list(files(path))


def _check_written(form: Format, written: Path, path: Path) -> None:
    """Read back what was written, since some of ITK's writers do not report a full disk."""
    try:
        form.read(written)
    except SegadvError:
        raise SegadvError(
            f"{path}: can't be read back after writing; make room on the disk, or name another file"
        ) from None


def load(path: Path) -> tuple[Format, sitk.Image, dict[str, Any]]:
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
            "replace them with numbers (air is -1024 in a CT)"
        )
    if max(abs(float(array.min())), abs(float(array.max()))) > float(np.finfo(np.float32).max):
        raise SegadvError(f"{path}: holds values that float32 can't hold; rescale it")
    if array.min() == array.max():
        raise SegadvError(
            f"{path}: every pixel is {array.flat[0]}, so there is nothing to attack; check that it "
            "is the right file"
        )


def _units(array: Array, form: Format, meta: dict[str, Any], colour: bool) -> str:
    if "modality" in meta:
        return "HU" if meta["modality"] == "CT" else "grey level"
    return "HU" if form.geometry and not colour and array.min() < HU_BELOW else "grey level"
