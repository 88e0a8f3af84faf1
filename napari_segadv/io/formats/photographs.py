"""PNG, JPEG and TIFF: pixels without geometry."""

from pathlib import Path
from typing import Any, Literal

import SimpleITK as sitk
import tifffile

from ...data.scan import Scan
from ...errors import SegadvError
from ..itk import read_image, silenced, write_image
from ..registry import Format


def read(path: Path) -> tuple[sitk.Image, dict[str, Any]]:
    return read_image(path), {}


def read_tiff(path: Path) -> tuple[sitk.Image, dict[str, Any]]:
    """Read a TIFF file, which must be complete: libtiff reads missing data as 0 or skips it."""
    try:
        with silenced(), tifffile.TiffFile(path) as file:
            ends = [
                start + count
                for page in file.pages
                for start, count in zip(page.dataoffsets, page.databytecounts, strict=False)
            ]
            file.filehandle.seek(file.pages.next_page_offset)
            order: Literal["little", "big"] = "little" if file.byteorder == "<" else "big"
            following = int.from_bytes(file.filehandle.read(file.tiff.offsetsize), order)
    except (tifffile.TiffFileError, ValueError, TypeError, AttributeError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise SegadvError(
            f"{path}: can't be read as an image ({reason}); check that it is complete"
        ) from None
    if following or max(ends, default=0) > path.stat().st_size:
        raise SegadvError(f"{path}: ends before its last slice; check that it is complete")
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
