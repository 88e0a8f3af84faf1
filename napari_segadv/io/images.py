"""Images: files to Scans and back, and float32 arrays on a scan's grid."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..common.atomic_files import files_whole
from ..data.scan import HU_BELOW, Array, Scan, Storage
from ..errors import SegadvError
from .channels import channel_files, said
from .integrity import one_line
from .pixels import Pixels, component
from .place import CHANNELS, SEPARATOR, split
from .registry import Format, format_of, suffix

PNG_TYPES = ("uint8", "uint16")


def read(path: str | Path | Sequence[str | Path]) -> Scan:
    """Read an image: NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF or a DICOM series.

    Args:
        path: a file, or the folder of a DICOM series; PATH::WHICH chooses one of several images.
            Several channels, for example MRI sequences, are several of these, in the order in
            which the victim expects them; or a folder of files named as for nnU-Net (see
            `channel_files`); or a file of several volumes or values a pixel, as PATH::channels.

    Returns:
        The Scan, (z, y, x) or (y, x), RGB or channels last, in HU if it is a CT and grey levels
        otherwise; each channel has its own units.

    Raises:
        SegadvError: if there is no such file, or if it can't be read, has more than three
            dimensions, or holds NaN, infinities or only one value; or if channels do not lie on
            one grid.

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
    if not isinstance(path, (str, Path)):
        parts = [part for one in path for part in read(one).singles]
        return Scan.of_parts(parts)
    files = channel_files(path)
    if files:
        scan = read(files)
        return replace(scan, notes=(*scan.notes, said(files))) if len(files) > 1 else scan
    form, where, found = load(path)
    if split(path)[1] == CHANNELS and found.components > 1:
        numbers = range(1, found.components + 1)
        return Scan.of_parts(
            [
                _scan_of(component(found, where, str(n)), form, where, f"{where}{SEPARATOR}{n}")
                for n in numbers
            ]
        )
    return _scan_of(found, form, where, str(path))


def _scan_of(found: Pixels, form: Format, path: Path, place: str) -> Scan:
    """Make a Scan of what a format read from a path, which `place` reads again."""
    array, colour = intensities(found, path)
    _check(array, Path(place))
    storage = found.storage or Storage(str(array.dtype))
    units = found.units or _units(found, colour)
    meta = {**found.meta, "format": form.name}
    if place != str(path):
        meta["place"] = place
    shown = found.presentation
    return Scan(array, found.grid, units, storage, colour, path, meta, shown, found.notes)


def intensities(found: Pixels, path: Path) -> tuple[Array, bool]:
    """Return the intensities of an image, and whether they are RGB.

    An alpha channel is dropped: it says nothing about the patient. An RGB image whose channels
    are equal is a grey one.

    Raises:
        SegadvError: if a pixel has more values than colour and alpha, or values that are no colour.
    """
    array, count = found.array, found.components
    if count == 1:
        return array.reshape(found.grid.shape), False
    if count == 2 and not found.vectors:
        return np.ascontiguousarray(array[..., 0]), False
    if count not in (3, 4) or found.vectors:
        raise SegadvError(
            f"{path}: has {count} values per pixel; choose one by {path.name}::1 to ::{count}, or "
            f"all as channels by {path.name}{SEPARATOR}{CHANNELS}"
        )
    if (array[..., :1] == array[..., 1:3]).all():
        return np.ascontiguousarray(array[..., 0]), False
    return np.ascontiguousarray(array[..., :3]), True


def output_format(scan: Scan) -> tuple[str, str]:
    """Return the suffix to save a scan's adversarial image with, and the reason if it differs.

    Of several channels, each has its own.
    """
    if scan.path is None:
        flat = scan.grid.ndim == 2 and not scan.grid.physical
        return (".png" if flat and scan.storage.dtype in PNG_TYPES else ".nii.gz"), ""
    form = format_of(scan.path)
    kept = form.write is not None and suffix(scan.path) in form.suffixes
    return (suffix(scan.path) if kept else form.saved_as), form.why_not


def save(scan: Scan, path: str | Path) -> None:
    """Write a scan's pixels in its storage type, with geometry and scaling.

    A format that keeps no scaling gets the values that it stands for.

    Raises:
        SegadvError: if the storage type or the format can't hold it, or the file can't be
            written.
    """
    if scan.parts:
        raise SegadvError(f"{path}: can't hold {scan.channels} channels; save each as a file")
    storage = scan.storage
    if not format_of(Path(path)).scales(storage):
        storage = Storage(str(scan.array.dtype))
    try:
        stored = storage.encode(scan.array)
    except ValueError as error:
        raise SegadvError(f"{path}: {error}; give the image a wider storage type") from None
    write(stored, path, replace(scan, storage=storage))


def save_array(array: Array, path: str | Path, scan: Scan) -> None:
    """Write an array on a scan's grid, for example noise, as float32.

    Components come last and keep their order: those of a displacement are in array order.
    """
    write(array.astype(np.float32), path, replace(scan, storage=Storage("float32")))


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
    array = load(path)[2].array
    if array.shape != shape:
        raise SegadvError(
            f"{path}: has shape {array.shape} but needs {shape}; restore it from a copy of the "
            "folder"
        )
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise SegadvError(
            f"{path}: holds values that are not finite numbers; restore it from a copy of the "
            "folder"
        )
    return np.asarray(array, np.float32)


def write(stored: Array, place: str | Path, scan: Scan) -> None:
    """Write stored numbers on a scan's grid, components last, as the format of the path does."""
    path = Path(place)
    form = format_of(path)
    if form.write is None:
        raise SegadvError(f"{path}: {form.name} can't be written; use {form.saved_as}")
    if scan.grid.ndim == 3 and form.dimensions == "2-D":
        raise SegadvError(f"{path}: {form.name} holds one slice, not a volume; use .nii.gz")
    # Write into a folder beside the file, then move everything into place: nothing is ever
    # half-written, and some formats make two files that name each other.
    with files_whole(path) as half:
        _write_checked(form, stored, half / path.name, path, scan)


def files_of(path: Path) -> list[Path]:
    """List the files of an image: some formats keep the pixels in a file beside the header."""
    files = format_of(path).files
    return [path] if files is None else list(files(path))


def _write_checked(form: Format, stored: Array, half: Path, path: Path, scan: Scan) -> None:
    """Write a file, and read it back, since some of ITK's writers do not report a full disk.

    Args:
        form: its format.
        stored: its numbers.
        half: where to write it for now.
        path: where it will be, for messages.
        scan: that it belongs to.
    """
    assert form.write is not None
    try:
        form.write(stored, scan.grid, half, scan)
    except SegadvError as error:
        raise SegadvError(_at(path, half, error)) from None
    try:
        with one_line(half):
            if form.read_segments is not None:
                form.read_segments(half, "", None)
            else:
                form.read(half, "")
    except SegadvError as error:
        reason = _at(path, half, error).removeprefix(f"{path}: ").partition("; ")[0]
        raise SegadvError(
            f"{path}: can't be read back after writing ({reason}); make room on the disk, or name "
            "another file"
        ) from None


def _at(path: Path, half: Path, error: SegadvError) -> str:
    """Return what an error says of a file, with the place where the file will be."""
    return str(error).replace(str(half), str(path)).replace(str(half.parent), str(path.parent))


def load(place: str | Path) -> tuple[Format, Path, Pixels]:
    """Read the image that lies at a place, PATH or PATH::WHICH.

    Raises:
        SegadvError: if there is none, or it can't be read.
    """
    form, path, which = found_at(place)
    with one_line(path):
        return form, path, form.read(path, which)


def found_at(place: str | Path) -> tuple[Format, Path, str]:
    """Return the format of what lies at a place, its path, and what is chosen there.

    Raises:
        SegadvError: if there is nothing, or no format reads it.
    """
    path, which = split(place)
    if not path.exists():
        raise SegadvError(f"{path}: no such file or folder; check the name")
    return format_of(path), path, which


def _check(array: Array, path: Path) -> None:
    broken = int(array.size - np.isfinite(array).sum())
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


def _units(found: Pixels, colour: bool) -> str:
    """Units of an image whose format does not know them: a CT holds air."""
    air = not colour and found.array.min() < HU_BELOW
    return "HU" if found.grid.physical and air else "grey level"
