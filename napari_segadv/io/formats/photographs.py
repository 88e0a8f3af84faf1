"""PNG, JPEG and TIFF: pixels without geometry."""

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
    Format("PNG", (".png",), False, read, write, ".png", dimensions="2-D"),
    Format(
        "JPEG",
        (".jpg", ".jpeg"),
        False,
        read,
        None,
        ".png",
        why_not="JPEG would change the perturbation, so a JPEG image is saved as PNG",
        dimensions="2-D",
    ),
    Format("TIFF", (".tif", ".tiff"), False, read, write, ".tif"),
)
