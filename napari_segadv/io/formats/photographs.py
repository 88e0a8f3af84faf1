"""PNG, JPEG and TIFF: pixels without geometry."""

from io import BufferedReader
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ...data.scan import Array, Grid, Scan
from ...errors import SegadvError
from .. import png
from ..integrity import check_memory, lossy, opened
from ..itk import read_image, write_image
from ..pages import PRINT
from ..palettes import check_palette
from ..pillow import pillow
from ..pixels import Pixels, without_alpha
from ..place import only_one
from ..registry import Format
from ..stacks import read_pages, write_pages
from ..tiff import MAGIC as TIFF
from ..upright import NOTE, TAG, upright

JPEG = b"\xff\xd8\xff"
# What else a file with the name of a photograph may be.
OTHERS = {b"GIF8": "GIF", b"BM": "BMP", b"RIFF": "WebP", b"\0\0\0": "HEIF, AVIF or JPEG 2000"}
LOSSY = ("WebP", "HEIF, AVIF or JPEG 2000")


def read(path: Path, which: str) -> Pixels:
    """Read an image by what it is, whatever its name says."""
    return _read(path, which, False)


def read_mask(path: Path, which: str) -> Pixels:
    """Read class numbers: those of a palette image are its indices, not its colours."""
    return _read(path, which, True)


def _read(path: Path, which: str, mask: bool) -> Pixels:
    with opened(path) as file:
        start = file.read(8)
        if start[:4] in TIFF:
            return read_pages(path, file, which, mask)
        only_one(path, which)
        if start == png.MAGIC:
            return _png(path, file, mask)
        if start[:3] == JPEG:
            if mask:
                raise lossy(path, "JPEG")
            return _jpeg(path, file)
    kind = next((name for magic, name in OTHERS.items() if start.startswith(magic)), "")
    if kind and mask and kind in LOSSY:
        raise lossy(path, kind)
    if kind:
        raise SegadvError(f"{path}: is a {kind} file; convert it to PNG or TIFF")
    raise SegadvError(
        f"{path}: can't be read as an image (it is neither PNG nor JPEG nor TIFF); name an image"
    )


def photograph(array: Array, orientation: object = 1, notes: tuple[str, ...] = ()) -> Pixels:
    """Return pixels without geometry, turned upright, of an array (y, x) or (y, x, components)."""
    turned = upright(array, orientation)
    notes = notes if turned is array else (*notes, NOTE)
    return without_alpha(Pixels(turned, Grid.pixels(turned.shape[:2]), notes=notes))


def _png(path: Path, file: BufferedReader, mask: bool) -> Pixels:
    head = png.check(file, path)
    notes: tuple[str, ...] = ()
    if b"acTL" in head.chunks:
        notes = ("It is a film; its first picture is read.",)
    file.seek(0)
    if head.bits == 16 and head.colour == png.GREY_ALPHA:
        return photograph(png.grey_alpha_16(path, file, head), 1, notes)
    with pillow(path, file, "PNG") as image:
        orientation = image.getexif().get(TAG, 1)
        if head.bits == 16 and head.colour != png.GREY:
            array: Array = sitk.GetArrayFromImage(read_image(path, "PNGImageIO"))
        elif head.colour == png.PALETTE and not mask:
            array = np.array(image.convert("RGB"))
        else:
            array = np.array(image)
            if head.colour == png.PALETTE:
                table = np.reshape(image.getpalette() or [], (-1, 3))
                notes += check_palette(array, table, path)
    if head.bits < 8 and head.colour == png.GREY:
        array = array.astype(np.uint8)
        # Pillow spreads 2 and 4 bits over 0 to 255, but not one.
        steps = (1 << head.bits) - 1
        if head.bits == 1 and not mask:
            array *= 255
        elif head.bits > 1 and mask:
            array //= 255 // steps
    if array.dtype == np.int32:  # older versions of Pillow read 16 bits as 32
        array = array.astype(np.uint16)
    return photograph(array, orientation, notes)


def _jpeg(path: Path, file: BufferedReader) -> Pixels:
    file.seek(0)
    notes: tuple[str, ...] = ()
    with pillow(path, file, "JPEG") as image:
        check_memory(path, image.width * image.height * 8)
        orientation = image.getexif().get(TAG, 1)
        if image.mode == "CMYK":
            notes = (PRINT,)
        array = np.array(image if image.mode == "L" else image.convert("RGB"))
    return photograph(array, orientation, notes)


def write(stored: Array, grid: Grid, path: Path, scan: Scan) -> None:
    """Write a PNG file."""
    if stored.dtype.name not in ("bool", "uint8", "uint16"):
        raise SegadvError(f"{path}: PNG holds whole numbers from 0 to 65535; use .tif or .nii.gz")
    write_image(stored, grid, path, stored.ndim > grid.ndim)


FORMATS = (
    Format("PNG", (".png",), read, write, ".png", read_mask=read_mask, dimensions="2-D"),
    Format(
        "JPEG",
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        read,
        None,
        ".png",
        why_not="JPEG would change the noise, so a JPEG image is saved as PNG",
        read_mask=read_mask,
        dimensions="2-D",
    ),
    Format("TIFF", (".tif", ".tiff"), read, write_pages, ".tif", read_mask=read_mask),
)
