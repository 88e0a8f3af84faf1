"""NRRD and MetaImage: ITK keeps their geometry and types as they are."""

from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ...scan import Scan
from ..itk import read_image, write_image
from ..registry import Format


def read(path: Path) -> tuple[sitk.Image, dict[str, Any]]:
    return read_image(path), {}


def write(image: sitk.Image, path: Path, scan: Scan) -> None:
    write_image(image, path)


FORMATS = (
    Format("NRRD", (".nrrd", ".nhdr"), True, read, write, saved_as=".nrrd"),
    Format("MetaImage", (".mha", ".mhd"), True, read, write, saved_as=".mha"),
)
