"""NIfTI and Analyze: read as nibabel and MONAI take them, and written back with both codes."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from nibabel.volumeutils import apply_read_scaling

from ...data.scan import Array, Grid, Scan, Storage
from ...errors import SegadvError
from ..geometry import QFORM, Matrix, affine_in, as_stored, grid_from_ras, ras_of
from ..integrity import beside, opened
from ..nifti import CALIBRATED, COLOURS, RGB_VECTOR, RGBA_VECTOR, VECTOR, Header, header_of
from ..pixels import Pixels, component, is_colour, without_alpha
from ..place import CHANNELS, SEPARATOR, number_of, only_one
from ..registry import Format
from ..streams import LEVEL, Stream, packing_of, read_numbers


def read(path: Path, which: str) -> Pixels:
    """Read the image in real units; `meta["files"]` lists the files of a pair."""
    parts = files(path)
    if len(parts) == 1 and path.name.lower().endswith((".hdr", ".img", ".img.gz")):
        raise SegadvError(
            f"{path}: a pair of .hdr and .img, but the other is missing; copy it beside this one"
        )
    header = header_of(parts[0], parts[2:])
    data = parts[min(1, len(parts) - 1)]
    dims, count = _dimensions(header, path, which)
    chosen, plane = _chosen(header, count, path, which)
    with opened(data) as file:
        stream = Stream(file, packing_of(file), path)
        stream.skip(header.offset)
        order, needed = _order(header, dims, count), _needed(header, dims, count)
        stored = read_numbers(stream, header.dtype, order, path, needed, chosen)
    if count > 1:
        last = -1 if header.code in COLOURS else 0
        stored = np.moveaxis(stored, last, -1)
    stored = np.ascontiguousarray(stored, header.dtype.newbyteorder("=")).reshape(
        (*dims[::-1], count) if count > 1 else dims[::-1]
    )
    array, storage = real(stored, header.scaling)
    meta: dict[str, Any] = dict(header.meta)
    if len(parts) > 1:
        meta["files"] = [str(part) for part in parts]
    found = Pixels(
        array,
        grid_from_ras(header.affine, dims[::-1], path),
        storage,
        presentation=header.shown,
        meta=meta,
        notes=(*header.notes, *stream.notes),
        vectors=_vectors(header, count),
    )
    if plane:
        return component(found, path, plane)
    return found if count in (1, 3) or found.vectors else without_alpha(found)


def files(path: Path) -> list[Path]:
    """List the files of an image: itself, or header, pixels and (SPM) matrix of a pair."""
    name = path.name.lower()
    if not name.endswith((".hdr", ".img", ".img.gz")):
        return [path]
    stem = path.name[: -len(".img.gz") if name.endswith(".gz") else -len(".img")]
    there = {p.name.lower(): p for p in path.parent.iterdir()} if path.parent.is_dir() else {}
    there[name] = path

    def part(*endings: str) -> list[Path]:
        names = [stem.lower() + ending for ending in endings]
        return [beside(path, there[n].name) for n in names if n in there][:1]

    pair = [*part(".hdr", ".hdr.gz"), *part(".img", ".img.gz")]
    return pair + part(".mat") if len(pair) == 2 else [path]


def _dimensions(header: Header, path: Path, which: str) -> tuple[tuple[int, ...], int]:
    """Return the size (x, y, z) or (x, y) and the values per pixel.

    If `which` says so, several volumes are the values of one.

    Raises:
        SegadvError: if the file holds a line, or more dimensions than five.
    """
    size, shown = header.size, " x ".join(map(str, header.size))
    if len(size) == 1:
        raise SegadvError(f"{path}: has one dimension ({shown}); name a 2-D or 3-D image")
    if int(np.prod(size[5:], dtype=object)) > 1:
        raise SegadvError(f"{path}: has {len(size)} dimensions ({shown}); save one volume of them")
    count = size[4] if len(size) > 4 else 1
    if count > 1 and size[3] > 1:
        raise SegadvError(
            f"{path}: has 5 dimensions ({shown}): {size[3]} volumes of {count} values per pixel; "
            "save one of them"
        )
    colours = COLOURS.get(header.code, 1)
    if count > 1 and colours > 1:
        raise SegadvError(f"{path}: holds {count} colours per pixel ({shown}); save one of them")
    if which == CHANNELS and count == colours == 1 and len(size) > 3:
        return size[:3], size[3]
    dims = size[:2] if len(size) > 3 and size[2] == 1 and count > 1 else size[:3]
    return dims, count * colours


def _chosen(header: Header, count: int, path: Path, which: str) -> tuple[tuple[int, int], str]:
    """Return which of how many volumes is read, and which of a pixel's values ("": all).

    Raises:
        SegadvError: if there are several and none is chosen, or there is no such one.
    """
    volumes = header.size[3] if len(header.size) > 3 else 1
    if volumes == 1 or (which == CHANNELS and count == volumes):
        if which and count == 1:
            only_one(path, which)
        return (0, 1), which
    shown = " x ".join(map(str, header.size))
    what = f"has {len(header.size)} dimensions ({shown}): {volumes} volumes, in time or channels"
    what += f" (all of them as channels: {path.name}{SEPARATOR}{CHANNELS})"
    return (number_of(which, volumes, path, what), volumes), ""


def _order(header: Header, dims: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Return the shape in which the numbers lie in the file."""
    last = (count,) if header.code in COLOURS else ()
    first = (count,) if count > 1 and not last else ()
    return (*first, *dims[::-1], *last)


def _vectors(header: Header, count: int) -> bool:
    """Return whether the values of a pixel are no colour, from the intent or else the type."""
    if count == 1 or header.code in COLOURS or header.intent in (RGB_VECTOR, RGBA_VECTOR):
        return False
    return not is_colour(header.dtype, count)


def _needed(header: Header, dims: tuple[int, ...], count: int) -> int:
    """Return the bytes that reading takes at once."""
    pixels = int(np.prod(dims, dtype=object)) * count
    scaled = 8 if header.scaling != (1.0, 0.0) else 0
    again = header.dtype.itemsize if count > 1 or not header.dtype.isnative else 0
    return pixels * (header.dtype.itemsize + max(scaled, again))


def real(stored: Array, scaling: tuple[float, float]) -> tuple[Array, Storage | None]:
    """Return the values that stored numbers mean, equal to nibabel's, and how they are stored.

    Whole numbers stay whole if slope and intercept are: as float64, a CT would take four times
    the memory.

    Examples:
        >>> real(np.array([0, 1024], np.uint16), (1.0, -1024.0))
        (array([-1024,     0], dtype=int32), Storage(dtype='uint16', slope=1.0, intercept=-1024.0))
    """
    slope, inter = scaling
    if scaling == (1.0, 0.0):
        return stored, None
    storage = Storage(str(stored.dtype), slope, inter)
    if storage.integer and slope.is_integer() and inter.is_integer():
        for kind in (np.int16, np.int32):
            info = np.iinfo(kind)
            if info.min <= storage.limits[0] and storage.limits[1] <= info.max:
                whole: Array = stored.astype(kind)
                np.multiply(whole, kind(slope), out=whole)
                np.add(whole, kind(inter), out=whole)
                return whole, storage
    with np.errstate(over="ignore"):
        values = apply_read_scaling(stored, np.float64(slope), np.float64(inter))
    return np.asarray(values, np.float64), storage


def write(stored: Array, grid: Grid, path: Path, scan: Scan) -> None:
    """Write stored numbers with type, scaling and geometry, in the version that the scan had."""
    name = {"bool": "uint8", "float16": "float32"}.get(str(stored.dtype), str(stored.dtype))
    kind = np.dtype(name).newbyteorder("<")
    count = stored.shape[-1] if stored.ndim > grid.ndim else 1
    rgb = count == 3 and kind.itemsize == 1 and bool(scan.meta.get("nifti_rgb"))
    size = grid.shape[::-1]
    second = scan.meta.get("nifti_version") == 2 or max(*size, count) > 32767
    header: Any = (Nifti2Header if second else Nifti1Header)(endianness="<")
    if count > 1 and not rgb:
        header.set_data_shape((*size, *[1] * (4 - len(size)), count))
        header["intent_code"] = RGB_VECTOR if scan.colour and count == 3 else VECTOR
        stored = np.moveaxis(stored, -1, 0)
    else:
        header.set_data_shape(size)
    header.set_data_dtype(np.dtype([(c, "u1") for c in "RGB"]) if rgb else kind)
    affine = _affine(grid, scan)
    _place(header, affine, str(scan.meta.get("nifti_codes", "1 1")), _other(scan, affine))
    header.set_xyzt_units("mm", "sec")
    header["scl_slope"], header["scl_inter"] = scan.storage.slope, scan.storage.intercept
    if scan.presentation is not None and scan.presentation.source == CALIBRATED:
        header["cal_min"], header["cal_max"] = scan.presentation.limits
    header["vox_offset"] = len(header.binaryblock) + 4
    with path.open("wb") as file:
        packed = path.name.lower().endswith(".gz")
        target: Any = gzip.GzipFile("", "wb", LEVEL, file, mtime=0) if packed else file
        target.write(header.binaryblock + bytes(4))
        for slab in _slabs(stored):
            target.write(np.ascontiguousarray(slab, kind).data)
        if packed:
            target.close()


def _other(scan: Scan, affine: Matrix) -> Matrix | None:
    """Return the qform's own affine, if the file had one and the image is where its sform says."""
    known = scan.meta.get(QFORM)
    there = as_stored(scan)
    if not isinstance(known, str) or there is None or not np.array_equal(there, affine):
        return None
    try:
        return affine_in(known)
    except ValueError:
        return None


def _place(header: Any, affine: Matrix, codes: str, other: Matrix | None) -> None:
    """Set both forms with the codes that were read, as long as the header then gives the place.

    Args:
        header: the header.
        affine: where the image is.
        codes: of qform and sform, as read.
        other: the qform's affine, if it is another one, as after a registration.
    """
    try:
        q_code, s_code = (int(code) for code in codes.split())
        header.set_qform(affine if other is None else other, q_code)
        header.set_sform(affine, s_code)
    except (HeaderDataError, ValueError, KeyError):  # edited by somebody
        header.set_qform(affine, 1)
        s_code = 0
    if not np.allclose(header.get_best_affine(), affine, rtol=1e-5, atol=1e-4):
        header.set_sform(affine, s_code or 1)


def _slabs(stored: Array) -> Iterator[Array]:
    """Yield an array in parts along its first axis: a copy of a volume may not fit in memory."""
    for first in range(len(stored)):
        yield stored[first : first + 1]


def _affine(grid: Grid, scan: Scan) -> Matrix:
    """Return the affine to write: the one that was read, if that is where the image still is."""
    if grid.ndim == 3:
        stored = as_stored(scan)
        return ras_of(grid) if stored is None else stored
    known = scan.meta.get("nifti_affine")
    if isinstance(known, str):
        try:
            affine = affine_in(known)
            if grid_from_ras(affine, grid.shape, Path()).same_as(grid):
                return affine
        except (ValueError, SegadvError):
            pass  # edited by somebody: the grid alone counts
    return ras_of(grid)


def any_scaling(storage: Storage) -> bool:
    """NIfTI holds any slope and intercept."""
    return True


FORMATS = (
    Format("NIfTI", (".nii.gz", ".nii"), read, write, saved_as=".nii.gz", scales=any_scaling),
    Format(
        "Analyze and NIfTI pairs",
        (".hdr", ".img", ".img.gz", ".hdr.gz"),
        read,
        None,
        saved_as=".nii.gz",
        why_not="a pair of header and image is saved as one NIfTI file",
        files=files,
    ),
)
