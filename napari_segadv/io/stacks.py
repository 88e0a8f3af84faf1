"""TIFF files as images: one page, a volume of pages, or one of several that a number chooses."""

import re
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from ..data.scan import Array, Grid, Scan
from ..errors import SegadvError
from .integrity import check_memory, damaged, lossy, truncated
from .pixels import Pixels, without_alpha
from .place import SEPARATOR, number_of
from .streams import LEVEL
from .tiff import (
    BY_PILLOW,
    LOSSY,
    NONE,
    by_pillow,
    check_page,
    check_pages,
    layout_of,
    numbers,
    quiet,
)
from .upright import NOTE, TAG, upright

WHITE_IS_0, BLACK_IS_0, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
OTHERS = {4: "a transparency mask", 8: "CIELab colours", 9: "ICCLab colours", 10: "ITULab colours"}
OTHERS |= {32803: "the raw values of a camera", 34892: "the raw values of a camera"}
INVERTED = "White is 0 in its file; here black is 0."
AS_STORED = (
    "White is 0 in its file: the class numbers are those stored, so what is shown white is class 0."
)
PRINT = "Its colours are for print (CMYK); they are converted to RGB without a profile."


def read_pages(path: Path, file: BufferedReader, which: str, mask: bool) -> Pixels:
    """Read a TIFF file; pages of the same size and type are the slices of a volume.

    Args:
        path: the file, for messages.
        file: the file, open.
        which: the number of a page, from 1; "" for the whole.
        mask: whether class numbers are meant: indices into a palette rather than its colours.

    Raises:
        SegadvError: if it can't be read, or holds several images of which none is chosen.
    """
    count = check_pages(file, path)
    file.seek(0)
    try:
        with quiet(), tifffile.TiffFile(file, name=path.name) as tif:
            pages = [_page(tif, number, path) for number in range(count)]
            # Thumbnails and the smaller steps of a pyramid are no images of their own.
            full = [n for n, page in enumerate(pages) if not int(page.subfiletype) & 1] or [0]
            virtual = _virtual(pages[0], count)
            chosen = _chosen(path, pages, full, virtual, which)
            if virtual > 1 and not which:
                return _one_block(path, file, pages[0], virtual, mask)
            alike = [pages[n] for n in chosen]
            check_memory(path, sum(layout_of(page, path).nbytes for page in alike))
            found = [_image(path, file, pages[n], n, mask) for n in chosen]
    except SegadvError:
        raise
    except (tifffile.TiffFileError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise damaged(path, str(error)[:120]) from None
    except (IndexError, OverflowError, RuntimeError, ZeroDivisionError) as error:
        raise damaged(path, str(error)[:120]) from None
    if len(found) == 1:
        return found[0]
    array = np.stack([one.array for one in found])
    notes = tuple(dict.fromkeys(note for one in found for note in one.notes))
    grid = Grid.pixels((len(found), *found[0].grid.shape))
    return Pixels(array, grid, notes=notes, vectors=found[0].vectors)


def _page(tif: Any, number: int, path: Path) -> Any:
    """Return a page with its own tags."""
    page = tif.pages[number]
    if not isinstance(page, tifffile.TiffPage):
        raise damaged(path, f"page {number + 1} has no tags of its own")
    return page


def _virtual(page: Any, count: int) -> int:
    """Return how many images ImageJ wrote behind the one page that it described, else 1."""
    found = re.search(r"^images=(\d{1,9})$", page.description, re.M)
    if count == 1 and found and page.description.startswith("ImageJ="):
        return int(found[1])
    return 1


def _chosen(path: Path, pages: list[Any], full: list[int], virtual: int, which: str) -> list[int]:
    """Return the numbers, from 0, of the pages to read.

    Raises:
        SegadvError: if there is no such page, or the pages are no volume.
    """
    if which:
        return [number_of(which, len(pages), path, "")]
    choose = f"choose one by {path.name}{SEPARATOR}1 to {SEPARATOR}{len(pages)}"
    kinds = {
        (page.shape, str(page.dtype), int(page.photometric), int(page.planarconfig))
        for page in (pages[n] for n in full)
    }
    if len(kinds) > 1:
        sizes = dict.fromkeys(f"{p.imagewidth} x {p.imagelength}" for p in (pages[n] for n in full))
        listed = ", ".join(sizes)[:120]
        raise SegadvError(
            f"{path}: has {len(full)} pages that do not belong together ({listed}); {choose}"
        )
    several = _several(pages[0].description)
    if several and (len(full) > 1 or virtual > 1):
        remedy = choose if virtual == 1 else "save one of them"
        raise SegadvError(f"{path}: holds {several} in {max(len(full), virtual)} pages; {remedy}")
    return full


def _several(text: str) -> str:
    """Say what a description holds beside slices: channels, points in time; "" if nothing."""
    if text.startswith("ImageJ="):
        named = dict(re.findall(r"^(channels|frames)=(\d+)$", text, re.M))
        counts = {"channels": named.get("channels"), "points in time": named.get("frames")}
    elif "<OME" in text[:4096]:
        sizes = dict(re.findall(r"\bSize([CT])=\"(\d+)\"", text)[:2])
        samples = re.search(r"\bSamplesPerPixel=\"(\d+)\"", text)
        channels = int(sizes.get("C", "1")) // max(1, int(samples[1]) if samples else 1)
        counts = {"channels": str(channels), "points in time": sizes.get("T")}
    else:
        shape = re.match(r'\{"shape": \[([\d, ]+)\]', text)
        long = [n for n in (shape[1].split(", ") if shape else ()) if n not in ("1", "")]
        dimensions = len(long) - (long[-1:] in (["3"], ["4"]))
        counts = {"volumes": long[0] if dimensions > 3 else None}
    return " and ".join(f"{n} {what}" for what, n in counts.items() if int(n or 1) > 1)


def _image(path: Path, file: BufferedReader, page: Any, number: int, mask: bool) -> Pixels:
    """Read one page."""
    code = int(page.compression)
    if mask and code in LOSSY:
        raise lossy(path, LOSSY[code])
    layout = layout_of(page, path)
    check_page(page, layout, path)
    if code in BY_PILLOW:
        array = by_pillow(path, file, number)
        white = int(page.photometric) == WHITE_IS_0
        if mask and white:  # Pillow inverts
            array = ~array
        if array.dtype == bool:
            array = array.astype(np.uint8) * (1 if mask else 255)
        return Pixels(array, Grid.pixels(array.shape[:2]), notes=_said(white, mask))
    found = _meant(path, page, numbers(page, layout, file, path), layout.bits, mask)
    tag = page.tags.get(TAG)
    turned = upright(found.array, tag.value if tag is not None else 1)
    if turned is found.array:
        return found
    notes = (*found.notes, NOTE)
    return Pixels(turned, Grid.pixels(turned.shape[:2]), notes=notes, vectors=found.vectors)


def _meant(path: Path, page: Any, array: Array, bits: int, mask: bool) -> Pixels:
    """Return what the stored numbers of a page mean: grey with black as 0, RGB, or classes."""
    kind = int(page.photometric)
    notes = _said(kind == WHITE_IS_0, mask)
    colours = {RGB: 3, CMYK: 4, YCBCR: 3}.get(kind, 1)
    samples = 1 if array.ndim == 2 else array.shape[-1]
    if kind in OTHERS or kind > YCBCR or samples < colours:
        named = OTHERS.get(kind, f"colours of kind {kind}")
        raise SegadvError(f"{path}: holds {named}; convert it to grey or RGB")
    if kind == WHITE_IS_0 and not mask:
        if array.dtype.kind != "u":
            raise SegadvError(
                f"{path}: white is its lowest value, and its values are not whole numbers from 0; "
                "invert it"
            )
        array = array.dtype.type((1 << bits) - 1) - array
    if bits < 8 and kind in (WHITE_IS_0, BLACK_IS_0) and not mask:
        array = array * np.uint8(255 // ((1 << bits) - 1))
    if kind == PALETTE and not mask:
        array = _colours(path, page, array if array.ndim == 2 else array[..., 0])
        samples = 1
    if kind in (CMYK, YCBCR):
        array, note = _converted(path, array[..., :colours], kind)
        return Pixels(array, Grid.pixels(array.shape[:2]), notes=(*notes, *note))
    return _extras(array, samples - colours, page, notes)


def _said(white: bool, mask: bool) -> tuple[str, ...]:
    """Return the note on a page in which white is 0: of an image, this is put right.

    A mask keeps its numbers: tifffile writes truth values so, and ImageJ masks with an inverting
    look-up table, without inverting what is stored.
    """
    return ((AS_STORED if mask else INVERTED),) if white else ()


def _extras(array: Array, extra: int, page: Any, notes: tuple[str, ...]) -> Pixels:
    """Return an image without its alpha; other values that a pixel has besides are no colour."""
    found = Pixels(array, Grid.pixels(array.shape[:2]), notes=notes)
    kinds = [int(kind) for kind in page.extrasamples]
    # Many programs write an alpha of RGB as "unspecified".
    alpha = extra == 1 and (kinds[:1] in ([1], [2]) or int(page.photometric) == RGB)
    if extra < 1 or alpha:
        return without_alpha(found) if alpha else found
    return Pixels(array, found.grid, notes=notes, vectors=True)


def _colours(path: Path, page: Any, indices: Array) -> Array:
    """Return the colours of a palette, as bytes."""
    table = np.asarray(page.colormap)
    if table.ndim != 2 or len(table) != 3 or indices.max(initial=0) >= table.shape[1]:
        raise damaged(path, "its palette is too short")
    # Colours have 16 bits; programs that write 8 leave the upper byte empty.
    table = table >> 8 if table.max() > 255 else table
    return np.ascontiguousarray(table.T.astype(np.uint8)[indices])


def _converted(path: Path, array: Array, kind: int) -> tuple[Array, tuple[str, ...]]:
    """Return colours as RGB, as Pillow converts them."""
    if array.dtype != np.uint8:
        raise SegadvError(f"{path}: holds colours that are no bytes; convert it to RGB")
    if kind == CMYK:
        ink = 255 - array.astype(np.uint16)
        return (ink[..., :3] * ink[..., 3:] // 255).astype(np.uint8), (PRINT,)
    y, cb, cr = np.moveaxis(array.astype(np.float32), -1, 0)
    cb, cr = cb - 128, cr - 128
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], -1)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8), ()


def _one_block(path: Path, file: BufferedReader, page: Any, images: int, mask: bool) -> Pixels:
    """Read the images that ImageJ writes one behind the other, with tags for the first alone."""
    layout = layout_of(page, path)
    if int(page.compression) != NONE or layout.bits % 8 or layout.tiled or layout.shape[0] > 1:
        raise SegadvError(f"{path}: has {images} images but one page; save them as pages")
    start, claimed = page.dataoffsets[0], layout.nbytes * images
    held = path.stat().st_size - start
    if held < claimed:
        raise truncated(path, held, claimed)
    check_memory(path, claimed)
    file.seek(start)
    kind = layout.dtype.newbyteorder(">" if page.parent.byteorder == ">" else "<")
    stored = np.frombuffer(file.read(claimed), kind).astype(layout.dtype)
    shape = layout.shape[1:] if layout.shape[3] > 1 else layout.shape[1:3]
    slices = [_meant(path, page, one, layout.bits, mask) for one in stored.reshape(images, *shape)]
    array = np.stack([one.array for one in slices])
    first = slices[0]
    return Pixels(
        array,
        Grid.pixels((images, *first.grid.shape)),
        notes=first.notes,
        vectors=first.vectors,
    )


def write_pages(stored: Array, grid: Grid, path: Path, scan: Scan) -> None:
    """Write a page for each slice, compressed without loss, components last."""
    components = stored.shape[-1] if stored.ndim > grid.ndim else 1
    if stored.dtype == bool:
        stored = stored.astype(np.uint8)
    options: dict[str, Any] = {"photometric": "minisblack"}
    if components == 3 and scan.colour:
        options = {"photometric": "rgb"}
    elif components > 1:
        options |= {"planarconfig": "contig", "extrasamples": [0] * (components - 1)}
    options |= {"compression": "zlib", "compressionargs": {"level": LEVEL}}
    slices = stored if grid.ndim == 3 else stored[None]
    with quiet(), tifffile.TiffWriter(path) as tif:
        for one in slices:
            tif.write(np.ascontiguousarray(one), metadata=None, **options)
