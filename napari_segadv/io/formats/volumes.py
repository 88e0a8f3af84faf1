"""NRRD and MetaImage: ITK keeps their geometry and types as they are."""

import re
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ...data.scan import Scan
from ..itk import read_image, write_image
from ..registry import Format


def read(path: Path) -> tuple[sitk.Image, dict[str, Any]]:
    """Read an image; `meta["files"]` lists header and pixel file if they are separate."""
    found = files(path)
    meta: dict[str, Any] = {} if len(found) == 1 else {"files": [str(file) for file in found]}
    return read_image(path), meta


def files(path: Path) -> list[Path]:
    """List the header, and the pixel file if it is separate."""
    if path.suffix.lower() not in (".nhdr", ".mhd"):
        return [path]
    header = path.read_bytes()[:10_000].decode("latin-1")
    found = re.search(r"^(?:data file:|ElementDataFile *=) *(\S.*?) *$", header, re.I | re.M)
    pixels = path.parent / found[1] if found else path
    return [file for file in dict.fromkeys((path, pixels)) if file.is_file()]


def write(image: sitk.Image, path: Path, scan: Scan) -> None:
    write_image(image, path)


FORMATS = (
    Format("NRRD", (".nrrd", ".nhdr"), True, read, write, saved_as=".nrrd", files=files),
    Format("MetaImage", (".mha", ".mhd"), True, read, write, saved_as=".mha", files=files),
)
