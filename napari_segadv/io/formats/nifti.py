"""NIfTI, with the slope and intercept that ITK applies on reading and drops on writing."""

import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import SimpleITK as sitk
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from ...errors import SegadvError
from ...scan import Scan
from ..itk import guarded, write_image
from ..registry import Format

# Byte offsets of the NIfTI-1 and NIfTI-2 headers: where scl_slope and scl_inter stand, and as what.
SCALING_AT = {348: (112, "ff"), 540: (176, "dd")}
FLOATS = ("16", "64")
DATATYPES = {"2": "uint8", "4": "int16", "8": "int32", "256": "int8", "512": "uint16"}


def read(path: Path) -> tuple[sitk.Image, dict[str, Any]]:
    """The image in real units.

    `meta["scaling"]` holds stored type, slope and intercept if the header scales; `meta["broken"]`
    the number of values in the file that are no numbers.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    image = guarded(reader.Execute, path)
    meta: dict[str, Any] = {}
    if reader.GetMetaData("datatype") in FLOATS:
        # ITK's reader silently turns NaN and infinity into 0, so they are counted beforehand.
        raw = _guarded(lambda: np.asanyarray(nibabel.load(path).dataobj), path)
        meta["broken"] = int(raw.size - np.isfinite(raw).sum())
    dtype = DATATYPES.get(reader.GetMetaData("datatype"))
    slope, intercept = _scaling(path) if dtype is not None else (1.0, 0.0)
    if slope != 0.0 and (slope, intercept) != (1.0, 0.0):
        meta["scaling"] = (dtype, slope, intercept)
    return image, meta


def _guarded(load: Callable[[], Any], path: Path) -> Any:
    """Runs a read of nibabel's, which has errors of its own."""
    try:
        return load()
    except (ImageFileError, HeaderDataError, OSError, EOFError, ValueError, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise SegadvError(
            f"{path}: can't be read as an image ({reason}); is it complete?"
        ) from None


def _scaling(path: Path) -> tuple[float, float]:
    """Slope and intercept as the header holds them: ITK's metadata gives six digits of them."""
    data = _guarded(lambda: nibabel.load(path).dataobj, path)
    return float(data.slope), float(data.inter)


def write(image: sitk.Image, path: Path, scan: Scan) -> None:
    """Writes stored numbers, then the scaling of the original into the header."""
    write_image(image, path)
    slope, intercept = scan.storage.slope, scan.storage.intercept
    if (slope, intercept) == (1.0, 0.0):
        return
    packed = path.name.endswith(".gz")
    content = bytearray(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
    order = "<" if struct.unpack_from("<i", content)[0] in SCALING_AT else ">"
    offset, kind = SCALING_AT[struct.unpack_from(order + "i", content)[0]]
    struct.pack_into(order + kind, content, offset, np.float32(slope), np.float32(intercept))
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)


FORMATS = (
    Format("NIfTI", (".nii.gz", ".nii"), True, read, write, saved_as=".nii.gz"),
    Format(
        "Analyze and NIfTI pairs",
        (".hdr", ".img", ".img.gz"),
        True,
        read,
        None,
        saved_as=".nii.gz",
        why_not="a pair of header and image is saved as one NIfTI file",
    ),
)
