"""One page of a TIFF file: what its stored numbers mean, as grey, RGB or class numbers."""

from collections.abc import Sequence
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from ..data.scan import Array, Grid
from ..errors import SegadvError
from .integrity import check_memory, damaged, lossy, truncated
from .palettes import check_palette
from .pixels import Pixels, without_alpha
from .tiff import BY_PILLOW, LOSSY, NONE, by_pillow, check_page, layout_of, numbers
from .upright import NOTE, TAG, upright

WHITE_IS_0, BLACK_IS_0, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
COLOURS = {RGB: 3, CMYK: 4, YCBCR: 3}
OTHERS = {4: "a transparency mask", 8: "CIELab colours", 9: "ICCLab colours", 10: "ITULab colours"}
OTHERS |= {32803: "the raw values of a camera", 34892: "the raw values of a camera"}
INVERTED = "White is 0 in its file; here black is 0."
AS_STORED = (
    "White is 0 in its file: the class numbers are those stored, so what is shown white is class 0."
)
PRINT = "Its colours are for print (CMYK); they are converted to RGB without a profile."


def read_page(path: Path, file: BufferedReader, page: Any, number: int, mask: bool) -> Pixels:
    """Read one page.

    Args:
        path: the file, for messages.
        file: the file, open.
        page: the page.
        number: of the page, from 0.
        mask: whether class numbers are meant.

    Raises:
        SegadvError: if it can't be read.
    """
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
    return _upright(_meant(path, page, numbers(page, layout, file, path), layout.bits, mask), page)


def _upright(found: Pixels, page: Any) -> Pixels:
    """Turn an image as the header of its page says."""
    tag = page.tags.get(TAG)
    turned = upright(found.array, tag.value if tag is not None else 1)
    if turned is found.array:
        return found
    alpha = None if found.alpha is None else upright(found.alpha, tag.value)
    grid, notes = Grid.pixels(turned.shape[:2]), (*found.notes, NOTE)
    return replace(found, array=turned, grid=grid, notes=notes, alpha=alpha)


def _meant(path: Path, page: Any, array: Array, bits: int, mask: bool) -> Pixels:
    """Return what the stored numbers of a page mean: grey with black as 0, RGB, or classes."""
    kind = int(page.photometric)
    notes = _said(kind == WHITE_IS_0, mask)
    colours = COLOURS.get(kind, 1)
    samples = 1 if array.ndim == 2 else array.shape[-1]
    if kind in OTHERS or kind > YCBCR or samples < colours:
        named = OTHERS.get(kind, f"colours of kind {kind}")
        raise SegadvError(f"{path}: holds {named}; convert it to grey or RGB")
    if kind in (CMYK, YCBCR) and mask:
        raise SegadvError(f"{path}: is a colour image; save class numbers as grey values")
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
    if kind == PALETTE and mask and page.colormap is not None:
        indices = array if array.ndim == 2 else array[..., 0]
        notes += check_palette(indices, _table(path, page), path)
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
    if extra < 1:
        return found
    return without_alpha(found) if _alpha(page, extra) else replace(found, vectors=True)


def _alpha(page: Any, extra: int) -> bool:
    """Return whether the value that a pixel has beside its colour says how opaque it is."""
    kinds = [int(kind) for kind in page.extrasamples]
    # Many programs write an alpha of RGB as "unspecified".
    return extra == 1 and (kinds[:1] in ([1], [2]) or int(page.photometric) == RGB)


def values_of(page: Any) -> int:
    """Return how many values a pixel has that are no colour; 1 for grey, RGB and palettes."""
    kind, samples = int(page.photometric), int(page.samplesperpixel)
    extra = samples - COLOURS.get(kind, 1)
    if kind in (CMYK, YCBCR) or int(page.compression) in BY_PILLOW:
        return 1
    return samples if extra > 0 and not _alpha(page, extra) else 1


def _colours(path: Path, page: Any, indices: Array) -> Array:
    """Return the colours of a palette, as bytes."""
    table = _table(path, page)
    if indices.max(initial=0) >= len(table):
        raise damaged(path, "its palette is too short")
    return np.ascontiguousarray(table[indices])


def _table(path: Path, page: Any) -> Array:
    """Return the palette of a page, (N, 3) bytes."""
    table = np.asarray(page.colormap)
    if table.ndim != 2 or len(table) != 3:
        raise damaged(path, "its palette is too short")
    # Colours have 16 bits; programs that write 8 leave the upper byte empty.
    table = table >> 8 if table.max() > 255 else table
    return table.T.astype(np.uint8)


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


def read_block(
    path: Path, file: BufferedReader, page: Any, images: int, wanted: Sequence[int], mask: bool
) -> list[Pixels]:
    """Read images that lie one behind the other, with tags for the first alone.

    Args:
        path: the file, for messages.
        file: the file, open.
        page: the one page, which is that of the first image.
        images: how many there are.
        wanted: the numbers, from 0, of those that are read, rising.
        mask: whether class numbers are meant.

    Raises:
        SegadvError: if they can't be read.
    """
    layout = layout_of(page, path)
    check_page(page, layout, path)
    together = page.dataoffsets[-1] + page.databytecounts[-1] - page.dataoffsets[0] == layout.nbytes
    plain = int(page.compression) == NONE and layout.bits % 8 == 0 and page.fillorder != 2
    if not (together and plain) or layout.tiled or layout.shape[0] > 1:
        raise SegadvError(f"{path}: has {images} images but one page; save them as pages")
    start, claimed = page.dataoffsets[0], layout.nbytes * (wanted[-1] + 1)
    held = path.stat().st_size - start
    if held < claimed:
        raise truncated(path, held, claimed)
    check_memory(path, layout.nbytes * len(wanted))
    kind = layout.dtype.newbyteorder(">" if page.parent.byteorder == ">" else "<")
    shape = layout.shape[1:] if layout.shape[3] > 1 else layout.shape[1:3]
    found = []
    for number in wanted:
        file.seek(start + number * layout.nbytes)
        stored = np.frombuffer(file.read(layout.nbytes), kind).astype(layout.dtype)
        found.append(_upright(_meant(path, page, stored.reshape(shape), layout.bits, mask), page))
    return found
