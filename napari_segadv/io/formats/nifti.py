"""NIfTI, with the slope and intercept that ITK applies on reading and drops on writing."""

import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from ...data.scan import Scan
from ...errors import SegadvError
from ..itk import guarded, silenced, write_image
from ..registry import Format

# By header size (NIfTI-1, NIfTI-2): byte offset and struct codes of scl_slope and scl_inter.
SCALING_AT = {348: (112, "ff"), 540: (176, "dd")}
DATATYPES = {"2": "uint8", "4": "int16", "8": "int32", "256": "int8", "512": "uint16"}


def read(path: Path) -> tuple[sitk.Image, dict[str, Any]]:
    """Read the image in real units.

    `meta["scaling"]` holds stored type, slope and intercept if the header scales;
    `meta["broken"]` holds how many values of a floating-point file are NaN or infinite.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    # ITK's reader silently turns NaN, infinity and missing data into 0.
    raw, slope, intercept = _guarded(lambda: _stored(path), path)
    image = guarded(reader.Execute, path)
    meta: dict[str, Any] = {}
    if raw.dtype.kind == "f":
        meta["broken"] = int(raw.size - np.isfinite(raw).sum())
    dtype = DATATYPES.get(reader.GetMetaData("datatype"))
    if (slope, intercept) != (1.0, 0.0) and dtype is not None:
        if not (np.isfinite(slope) and np.isfinite(intercept)):
            raise SegadvError(f"{path}: its scaling is not finite; correct scl_slope and scl_inter")
        meta["scaling"] = (dtype, slope, intercept)
    return image, meta


def _stored(path: Path) -> tuple[npt.NDArray[Any], float, float]:
    """Return the stored numbers, all of which must be there, and their scaling.

    ITK's metadata gives only six digits of slope and intercept.
    """
    data: Any = nibabel.load(path).dataobj
    return np.asanyarray(data.get_unscaled()), float(data.slope), float(data.inter)


def _guarded(load: Callable[[], Any], path: Path) -> Any:
    """Run a read by nibabel, which raises other errors than ITK."""
    try:
        with silenced():
            return load()
    except (ImageFileError, HeaderDataError, OSError, EOFError, ValueError, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise SegadvError(
            f"{path}: can't be read as an image ({reason}); check that it is complete"
        ) from None


def write(image: sitk.Image, path: Path, scan: Scan) -> None:
    """Write stored numbers, then put the original's scaling into the header."""
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
