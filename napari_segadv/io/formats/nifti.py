"""NIfTI and Analyze by nibabel's headers: values and geometry as nibabel and MONAI take them."""

import gzip
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.fileholders import FileHolder
from nibabel.nifti1 import Nifti1Header, Nifti1PairHeader
from nibabel.nifti2 import Nifti2Header, Nifti2PairHeader
from nibabel.spatialimages import HeaderDataError
from nibabel.spm2analyze import Spm2AnalyzeImage
from nibabel.volumeutils import apply_read_scaling

from ...data.presentation import Presentation
from ...data.scan import Array, Grid, Scan, Storage
from ...errors import SegadvError
from ..geometry import Matrix, grid_from_ras, ras_of
from ..integrity import beside, opened
from ..pixels import Pixels, without_alpha
from ..place import only_one
from ..registry import Format
from ..streams import Stream, packing_of, read_numbers

# The length of a header of NIfTI-2; that of NIfTI-1 and Analyze is 348.
LONGEST_HEADER = 540
SINGLE = {b"n+1\0": (348, Nifti1Header), b"n+2\0": (540, Nifti2Header)}
PAIRED = {b"ni1\0": (348, Nifti1PairHeader), b"ni2\0": (540, Nifti2PairHeader)}
NUMBERS = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}
NUMBERS |= {1024: "i8", 1280: "u8", 128: "u1", 2304: "u1"}
COLOURS = {128: 3, 2304: 4}
OTHERS = {
    0: "numbers of an unknown type",
    1: "single bits",
    32: "complex numbers",
    1536: "128-bit floats",
    1792: "complex numbers",
    2048: "complex numbers",
}
# Intent codes: a vector, and values that are red, green and blue.
VECTOR, RGB_VECTOR, RGBA_VECTOR = 1007, 2003, 2004
MILLIMETRES = {1: ("metres", 1e3), 3: ("micrometres", 1e-3)}
CALIBRATED = "cal_min and cal_max of the header"
MOST_MAT = 1 << 20
QUIET = logging.getLogger(f"{__name__}.nibabel")
QUIET.disabled = True


@dataclass(frozen=True)
class Header:
    """What a header says, whatever its version.

    Attributes:
        size: of each dimension, x first.
        dtype: of the stored numbers, in the file's byte order.
        code: of the type in NIfTI.
        offset: of the first number in the data file.
        scaling: slope and intercept, as nibabel takes them; (1, 0) if there is none.
        affine: from the index to mm in RAS.
        intent: intent code.
        meta: what writing needs to keep.
    """

    size: tuple[int, ...]
    dtype: np.dtype[Any]
    code: int
    offset: int
    scaling: tuple[float, float]
    affine: Matrix
    intent: int = 0
    shown: Presentation | None = None
    meta: tuple[tuple[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


def read(path: Path, which: str) -> Pixels:
    """Read the image in real units; `meta["files"]` lists the files of a pair."""
    only_one(path, which)
    parts = files(path)
    if len(parts) == 1 and path.name.lower().endswith((".hdr", ".img", ".img.gz")):
        raise SegadvError(
            f"{path}: a pair of .hdr and .img, but the other is missing; copy it beside this one"
        )
    header = header_of(parts[0], parts[2:])
    data = parts[min(1, len(parts) - 1)]
    dims, count = _dimensions(header, path)
    with opened(data) as file:
        stream = Stream(file, packing_of(file), path)
        stream.skip(header.offset)
        order, needed = _order(header, dims, count), _needed(header, count)
        stored = read_numbers(stream, header.dtype, order, path, needed)
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


def header_of(path: Path, matrices: list[Path]) -> Header:
    """Read the header of a NIfTI or Analyze file.

    Args:
        path: the file that begins with the header.
        matrices: the file in which SPM keeps an Analyze image's affine, if there is one.

    Raises:
        SegadvError: if it is no such header, or contradicts itself.
    """
    with opened(path) as file:
        block = Stream(file, packing_of(file), path).read(LONGEST_HEADER)
    kinds = {**SINGLE, **PAIRED}
    length, kind = kinds.get(block[344:348]) or kinds.get(block[4:8]) or (348, None)
    if len(block) < length:
        raise SegadvError(
            f"{path}: can't be read as an image (it ends inside its header); check that it is "
            "complete and of the type that its name says"
        )
    if kind is not None:
        return _nifti(kind(block[:length], check=False), path)
    pair = path.name.lower().endswith((".hdr", ".hdr.gz"))
    if not pair or not Spm2AnalyzeImage.header_class.may_contain_header(block):
        raise SegadvError(
            f"{path}: can't be read as an image (it has no header of NIfTI); name an image"
        )
    return _analyze(block[:348], path, matrices)


def _nifti(raw: Nifti1Header, path: Path) -> Header:
    """Return what a header of NIfTI says, after checking what nibabel would put right silently."""
    size, dtype, code = _numbers(raw, path)
    by_sform = int(raw["sform_code"]) != 0
    zooms = np.asarray(raw["pixdim"], np.float64)[1 : 1 + min(3, len(size))]
    if not by_sform and not (zooms != 0).all():
        raise SegadvError(
            f"{path}: its voxels have size 0 along an axis; correct pixdim in its header"
        )
    notes: list[str] = []
    try:
        raw.check_fix(logger=QUIET, error_level=40)
        slope, inter = raw.get_slope_inter()
        affine = np.asarray(raw.get_best_affine(), np.float64)
        if not 0 <= float(raw["vox_offset"]) < 2**63:
            raise HeaderDataError(f"its data begin at byte {float(raw['vox_offset']):g}")
        offset = int(raw.get_data_offset())
    except (HeaderDataError, ValueError, OverflowError) as error:
        raise _invalid(path, error) from None
    if by_sform and int(raw["qform_code"]) != 0:
        notes += _disagreement(raw, affine, size)
    words, factor = MILLIMETRES.get(int(raw["xyzt_units"]) & 7, ("", 1.0))
    if words:
        affine[:3] *= factor
        notes.append(f"Its lengths are in {words}; here they are in mm.")
    low, high = float(raw["cal_min"]), float(raw["cal_max"])
    shown = None
    if np.isfinite([low, high]).all() and low < high:
        shown = Presentation.between(low, high, CALIBRATED)
    meta: list[tuple[str, Any]] = [
        ("nifti_version", 2 if isinstance(raw, Nifti2Header) else 1),
        ("nifti_codes", f"{int(raw['qform_code'])} {int(raw['sform_code'])}"),
    ]
    if code in COLOURS:
        meta.append(("nifti_rgb", True))
    if len(size) < 3:
        meta.append(("nifti_affine", " ".join(repr(float(v)) for v in affine[:3].ravel())))
    return Header(
        size,
        dtype,
        code,
        offset,
        (1.0 if slope is None else float(slope), 0.0 if inter is None else float(inter)),
        affine,
        int(raw["intent_code"]),
        shown,
        tuple(meta),
        tuple(notes),
    )


def _analyze(block: bytes, path: Path, matrices: list[Path]) -> Header:
    """Return what a header of Analyze says, and the matrix that SPM keeps beside it."""
    names = {"header": BytesIO(block), "image": BytesIO(), "mat": BytesIO()}
    notes = "An Analyze header does not say which side is left: it is read as nibabel does."
    if matrices:
        with opened(matrices[0]) as file:
            names["mat"] = BytesIO(file.read(MOST_MAT))
        notes = f"Its geometry is that of {matrices[0].name}, as SPM wrote it."
    raw = Spm2AnalyzeImage.header_class(block, check=False)
    size, dtype, code = _numbers(raw, path)
    zooms = np.asarray(raw["pixdim"], np.float64)[1 : 1 + min(3, len(size))]
    if not matrices and not (zooms != 0).all():
        raise SegadvError(
            f"{path}: its voxels have size 0 along an axis; correct pixdim in its header"
        )
    held = {name: FileHolder(fileobj=file) for name, file in names.items()}
    try:
        raw.check_fix(logger=QUIET, error_level=40)
        image = Spm2AnalyzeImage.from_file_map(held)
        slope, _ = raw.get_slope_inter()
        affine = np.asarray(image.affine, np.float64)
        offset = int(raw.get_data_offset())
    except Exception as error:  # noqa: BLE001 - scipy may raise anything on a damaged .mat
        raise _invalid(path, error) from None
    scaling = (1.0 if slope is None else float(slope), 0.0)
    return Header(size, dtype, code, max(0, offset), scaling, affine, notes=(notes,))


def _numbers(raw: Any, path: Path) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return the size, type and code of the type that a header claims."""
    code = int(raw["datatype"])
    if code not in NUMBERS:
        held = OTHERS.get(code, f"numbers of the unknown type {code}")
        raise SegadvError(
            f"{path}: holds {held}, not intensities; save it as whole numbers or floats"
        )
    try:
        size = tuple(int(n) for n in raw.get_data_shape())
    except (HeaderDataError, ValueError) as error:
        raise _invalid(path, error) from None
    if not size or min(size) < 1 or not 1 <= int(raw["dim"][0]) <= 7:
        shown = " x ".join(map(str, size)) or "none"
        raise SegadvError(
            f"{path}: its header gives an impossible size ({shown}); copy it again from its source"
        )
    return size, np.dtype(NUMBERS[code]).newbyteorder(raw.endianness), code


def _invalid(path: Path, error: Exception) -> SegadvError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return SegadvError(f"{path}: its header is invalid ({reason}); correct it or convert it again")


def _disagreement(raw: Nifti1Header, affine: Matrix, size: tuple[int, ...]) -> list[str]:
    """Say by how much sform and qform place the image's corners differently."""
    try:
        other = np.asarray(raw.get_qform(), np.float64)
    except (HeaderDataError, ValueError):
        return ["Its qform is invalid; the sform gives its place."]
    ends = np.array(np.meshgrid(*[(0, n - 1) for n in (*size, 1, 1)[:3]])).reshape(3, -1)
    moved = (affine - other)[:3] @ np.vstack([ends, np.ones(ends.shape[1])])
    far = float(np.sqrt((moved**2).sum(axis=0)).max())
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0)).min()
    if far <= 0.05 * spacing:
        return []
    return [f"Its sform and qform place it up to {far:.3g} mm apart; the sform is used."]


def _dimensions(header: Header, path: Path) -> tuple[tuple[int, ...], int]:
    """Return the size (x, y, z) or (x, y) and the values per pixel.

    Raises:
        SegadvError: if the file holds a line, several volumes, or more dimensions than that.
    """
    size, shown = header.size, " x ".join(map(str, header.size))
    if len(size) == 1:
        raise SegadvError(f"{path}: has one dimension ({shown}); name a 2-D or 3-D image")
    if int(np.prod(size[5:], dtype=object)) > 1:
        raise SegadvError(f"{path}: has {len(size)} dimensions ({shown}); save one volume of them")
    if len(size) > 3 and size[3] > 1:
        raise SegadvError(
            f"{path}: has 4 dimensions ({shown}): {size[3]} volumes, points in time or channels; "
            "save one of them"
        )
    count = size[4] if len(size) > 4 else 1
    colours = COLOURS.get(header.code, 1)
    if count > 1 and colours > 1:
        raise SegadvError(f"{path}: holds {count} colours per pixel ({shown}); save one of them")
    dims = size[:2] if len(size) > 3 and size[2] == 1 and count > 1 else size[:3]
    return dims, count * colours


def _order(header: Header, dims: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Return the shape in which the numbers lie in the file."""
    last = (count,) if header.code in COLOURS else ()
    first = (count,) if count > 1 and not last else ()
    return (*first, *dims[::-1], *last)


def _vectors(header: Header, count: int) -> bool:
    """Return whether the values of a pixel are no colour, from the intent or else the type."""
    if count == 1 or header.code in COLOURS or header.intent in (RGB_VECTOR, RGBA_VECTOR):
        return False
    return count not in (3, 4) or header.dtype.name not in ("uint8", "uint16")


def _needed(header: Header, count: int) -> int:
    """Return the bytes that reading takes at once."""
    pixels = int(np.prod(header.size, dtype=object)) * COLOURS.get(header.code, 1)
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
    _place(header, affine, str(scan.meta.get("nifti_codes", "1 1")))
    header.set_xyzt_units("mm", "sec")
    header["scl_slope"], header["scl_inter"] = scan.storage.slope, scan.storage.intercept
    if scan.presentation is not None and scan.presentation.source == CALIBRATED:
        header["cal_min"], header["cal_max"] = scan.presentation.limits
    header["vox_offset"] = len(header.binaryblock) + 4
    with path.open("wb") as file:
        packed = path.name.lower().endswith(".gz")
        target: Any = gzip.GzipFile("", "wb", 6, file, mtime=0) if packed else file
        target.write(header.binaryblock + bytes(4))
        for slab in _slabs(stored):
            target.write(np.ascontiguousarray(slab, kind).data)
        if packed:
            target.close()


def _place(header: Any, affine: Matrix, codes: str) -> None:
    """Set both forms with the codes that were read, as long as the header then gives the place."""
    try:
        q_code, s_code = (int(code) for code in codes.split())
        header.set_qform(affine, q_code)
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
    """Return the affine to write: of a 2-D image as it was read, if that is where it still is."""
    known = scan.meta.get("nifti_affine")
    if grid.ndim == 2 and isinstance(known, str):
        try:
            affine = np.vstack([np.array(known.split(), np.float64).reshape(3, 4), [0, 0, 0, 1]])
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
