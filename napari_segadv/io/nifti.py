"""Headers of NIfTI and Analyze: size, type, scaling and geometry as nibabel and MONAI take them."""

import logging
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

from ..data.presentation import Presentation
from ..errors import SegadvError
from .geometry import QFORM, VOLUME_AFFINE, Matrix, affine_text
from .integrity import opened
from .streams import Stream, packing_of

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
UNITS = {1: ("metres", 1e3), 3: ("micrometres", 1e-3)}
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
    with np.errstate(all="ignore"):  # NaN and infinity are looked for
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
    if not by_sform:
        _check_sizes(raw, size, path)
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
    other = None
    if by_sform and int(raw["qform_code"]) != 0:
        found, other = _disagreement(raw, affine, size)
        notes += found
    words, factor = UNITS.get(int(raw["xyzt_units"]) & 7, ("", 1.0))
    if words:
        affine[:3] *= factor
        if other is not None:
            other[:3] *= factor
        notes.append(f"Its lengths are in {words}; here they are in mm.")
    low, high = float(raw["cal_min"]), float(raw["cal_max"])
    shown = None
    if np.isfinite([low, high]).all() and low < high:
        shown = Presentation.between(low, high, CALIBRATED)
    meta: list[tuple[str, Any]] = [
        ("nifti_version", 2 if isinstance(raw, Nifti2Header) else 1),
        ("nifti_codes", f"{int(raw['qform_code'])} {int(raw['sform_code'])}"),
    ]
    if other is not None:
        meta.append((QFORM, affine_text(other)))
    if code in COLOURS:
        meta.append(("nifti_rgb", True))
    # Bit by bit: what a grid says is rounded, as its axes are made exactly perpendicular.
    key = "nifti_affine" if len(size) < 3 else VOLUME_AFFINE
    meta.append((key, affine_text(affine)))
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
    if not matrices:
        _check_sizes(raw, size, path)
    held = {name: FileHolder(fileobj=file) for name, file in names.items()}
    try:
        raw.check_fix(logger=QUIET, error_level=40)
        image = Spm2AnalyzeImage.from_file_map(held)
        slope, _ = raw.get_slope_inter()
        affine = np.asarray(image.affine, np.float64)
        offset = int(raw.get_data_offset())
    except MemoryError:
        raise
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


def _check_sizes(raw: Any, size: tuple[int, ...], path: Path) -> None:
    """Refuse voxels of size 0, where the header says nothing else about them."""
    zooms = np.asarray(raw["pixdim"], np.float64)[1 : 1 + min(3, len(size))]
    if not (zooms != 0).all():
        raise SegadvError(
            f"{path}: its voxels have size 0 along an axis; correct pixdim in its header"
        )


def _invalid(path: Path, error: Exception) -> SegadvError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return SegadvError(f"{path}: its header is invalid ({reason}); correct it or convert it again")


def _disagreement(
    raw: Nifti1Header, affine: Matrix, size: tuple[int, ...]
) -> tuple[list[str], Matrix | None]:
    """Say by how much sform and qform place the image's corners differently.

    Returns:
        Notes, and the qform's affine if it is another place.
    """
    try:
        other = np.array(raw.get_qform(), np.float64)
    except (HeaderDataError, ValueError):
        return ["Its qform is invalid; the sform gives its place."], None
    ends = np.array(np.meshgrid(*[(0, n - 1) for n in (*size, 1, 1)[:3]])).reshape(3, -1)
    moved = (affine - other)[:3] @ np.vstack([ends, np.ones(ends.shape[1])])
    far = float(np.sqrt((moved**2).sum(axis=0)).max())
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0)).min()
    if far <= 0.05 * spacing:
        return [], None
    return [f"Its sform and qform place it up to {far:.3g} mm apart; the sform is used."], other
