"""PNG, JPEG and TIFF: pixels without geometry."""

from pathlib import Path
from typing import Any

import SimpleITK as sitk
import tifffile

from ...errors import SegadvError
from ...scan import Scan
from ..itk import read_image, write_image
from ..registry import Format


def read(path: Path) -> tuple[sitk.Image, dict[str, Any]]:
    return read_image(path), {}


def read_tiff(path: Path) -> tuple[sitk.Image, dict[str, Any]]:
    """A TIFF file, which must be whole: libtiff takes what is missing for 0."""
    try:
        with tifffile.TiffFile(path) as file:
            ends = [
                start + count
                for page in file.pages
                for start, count in zip(page.dataoffsets, page.databytecounts, strict=False)
            ]
    except (tifffile.TiffFileError, OSError, ValueError, TypeError, AttributeError, KeyError):
        ends = []  # ITK says what is wrong
    if ends and max(ends) > path.stat().st_size:
        raise SegadvError(f"{path}: ends before its last slice; copy the file again")
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
    Format("TIFF", (".tif", ".tiff"), False, read_tiff, write, ".tif"),
)
