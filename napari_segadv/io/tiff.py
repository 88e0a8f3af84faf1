"""TIFF files: their pages, found without following loops, and the numbers of a page.

tifffile reads the tags. The numbers are decoded here, a strip or tile at a time and never more than
a page says that it holds; what tifffile can't unpack by itself, Pillow does by libtiff.
"""

import logging
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from math import ceil
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile

from ..data.scan import Array
from ..errors import SegadvError
from .integrity import check_claim, damaged, size_of, truncated
from .pillow import pillow
from .upright import TAG, upright

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MOST_PAGES, MOST_TAGS = 1 << 16, 4096
NONE, LZW, PACKBITS = 1, 5, 32773
DEFLATES = (8, 32946)
# JPEG, and codes for pages of single bits: Pillow reads pages of these as a whole.
BY_PILLOW = {2: "CCITT", 3: "CCITT fax 3", 4: "CCITT fax 4", 6: "old JPEG", 7: "JPEG"}
# Codes of compressions that change numbers, or may.
LOSSY = {6: "JPEG", 7: "JPEG", 33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000"}
LOSSY |= {33007: "JPEG", 34712: "JPEG 2000", 34887: "LERC", 34892: "JPEG", 34927: "WebP"}
LOSSY |= {34934: "JPEG XR", 22610: "JPEG XR", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL"}
# Sizes of packed whole numbers that are spread to bytes or words.
PACKED = (1, 2, 4, 6, 10, 12, 14)


@dataclass(frozen=True)
class Layout:
    """How the numbers of a page lie in its strips or tiles.

    Attributes:
        shape: (planes, y, x, samples in a pixel), planes being more than 1 if samples lie apart.
        part: (y, x) of a strip or tile.
        tiled: whether parts are padded to their full size.
        bits: of a number.
        dtype: of a number, in the machine's byte order.
    """

    shape: tuple[int, int, int, int]
    part: tuple[int, int]
    tiled: bool
    bits: int
    dtype: "np.dtype[Any]"

    @property
    def nbytes(self) -> int:
        planes, height, width, samples = self.shape
        return planes * height * width * samples * self.dtype.itemsize

    @property
    def count(self) -> int:
        """How many parts there are."""
        return self.shape[0] * ceil(self.shape[1] / self.part[0]) * self.across

    @property
    def across(self) -> int:
        return ceil(self.shape[2] / self.part[1])

    def place(self, index: int) -> tuple[int, int, int, int]:
        """Return the plane, row and column at which a part begins, and its rows."""
        down = ceil(self.shape[1] / self.part[0])
        row = index // self.across % down * self.part[0]
        rows = self.part[0] if self.tiled else min(self.part[0], self.shape[1] - row)
        return index // (self.across * down), row, index % self.across * self.part[1], rows


def check_pages(file: BufferedReader, path: Path) -> int:
    """Return how many pages a file has, after following the whole chain of them.

    Raises:
        SegadvError: if it is no TIFF file, ends too early, or its pages form a loop.
    """
    file.seek(0)
    start = file.read(16)
    if start[:4] not in MAGIC:
        raise SegadvError(
            f"{path}: can't be read as an image (it does not begin as a TIFF file); name an image"
        )
    order, big = "<" if start[:1] == b"I" else ">", start[2:4].strip(b"\0") == b"+"
    count_of, offset_of, tag = (f"{order}Q", f"{order}Q", 20) if big else (f"{order}H", "", 12)
    offset_of = offset_of or f"{order}I"
    wide, size = struct.calcsize(offset_of), size_of(file)
    seen: dict[int, None] = {}
    try:
        (offset,) = struct.unpack_from(offset_of, start, 8 if big else 4)
        while offset:
            if offset in seen:
                raise SegadvError(f"{path}: is damaged (its pages form a loop); write it again")
            if len(seen) == MOST_PAGES:
                raise SegadvError(f"{path}: has more than {MOST_PAGES} pages; save fewer")
            seen[offset] = None
            if offset >= size:
                raise truncated(path, size, offset)
            file.seek(offset)
            (tags,) = struct.unpack(count_of, file.read(struct.calcsize(count_of)))
            if tags > MOST_TAGS:
                raise damaged(path, f"a page has {tags} tags")
            file.seek(tags * tag, 1)
            (offset,) = struct.unpack(offset_of, file.read(wide))
    except struct.error:
        raise truncated(path, size, size + 1) from None
    if not seen:
        raise SegadvError(f"{path}: has no pages; write it again")
    return len(seen)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep tifffile from logging what becomes an error here."""
    logger = logging.getLogger("tifffile")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def layout_of(page: Any, path: Path) -> Layout:
    """Return how a page's numbers lie.

    Raises:
        SegadvError: if they are of a kind that can't be read, or the page contradicts itself.
    """
    bits, kind = page.bitspersample, page.sampleformat
    if not isinstance(bits, int) or not isinstance(kind, int) or page.dtype is None:
        raise SegadvError(
            f"{path}: holds numbers of several types or of an unknown one; convert it to 8 or 16 "
            "bits"
        )
    if kind not in (1, 2, 3) or (kind == 3 and bits not in (16, 32, 64)):
        raise SegadvError(
            f"{path}: holds {'complex numbers' if kind in (5, 6) else f'{bits}-bit floats'}, not "
            "intensities; save it as whole numbers or floats"
        )
    if bits not in (8, 16, 32, 64) and (bits not in PACKED or kind != 1):
        raise SegadvError(f"{path}: holds numbers of {bits} bits; convert it to 8 or 16 bits")
    if page.imagedepth != 1 or page.tiledepth not in (0, 1):
        raise SegadvError(f"{path}: holds a volume in one page; save a page for each slice")
    letter = {1: "u", 2: "i", 3: "f"}[kind]
    dtype = np.dtype(f"{letter}{max(1, ceil(bits / 8))}")
    dtype = np.dtype("u2") if 8 < bits < 16 else dtype
    samples = int(page.samplesperpixel)
    apart = page.planarconfig == 2 and samples > 1
    height, width = int(page.imagelength), int(page.imagewidth)
    tiled = bool(page.is_tiled)
    part = (page.tilelength, page.tilewidth) if tiled else (page.rowsperstrip, width)
    part = (int(part[0]) if tiled else min(int(part[0]), height), int(part[1]))
    if min(height, width, samples, *part) < 1 or max(*part) > 1 << 28:
        raise damaged(path, f"its size is {width} x {height} x {samples}")
    shape = (samples, height, width, 1) if apart else (1, height, width, samples)
    return Layout(shape, part, tiled, bits, dtype)


def check_page(page: Any, layout: Layout, path: Path) -> None:
    """Hold what a page claims against the file and free memory.

    Args:
        page: the page.
        layout: of its numbers.
        path: the file, for messages.

    Raises:
        SegadvError: if the file or the memory can't hold it.
    """
    size = path.stat().st_size
    starts, counts = page.dataoffsets, page.databytecounts
    page_bytes = layout.nbytes // layout.dtype.itemsize * layout.bits // 8
    code = int(page.compression)
    whole = sum(counts)
    if code in BY_PILLOW:
        check_claim(path, page_bytes, whole, "bzip2", layout.nbytes)
    elif len(starts) != layout.count or len(counts) != layout.count:
        raise damaged(path, f"it lists {len(starts)} strips or tiles but needs {layout.count}")
    else:
        packing = "" if code == NONE else "bzip2" if code == LZW else "zlib"
        check_claim(path, page_bytes, whole, packing, layout.nbytes)
    check_predictor(page, layout, path)
    for start, count in zip(starts, counts, strict=False):
        if not (start and count):
            raise SegadvError(
                f"{path}: lacks some of its strips or tiles (their size is 0); write it again"
            )
        if start + count > size:
            raise truncated(path, size, start + count)


def check_predictor(page: Any, layout: Layout, path: Path) -> None:
    """Refuse a predictor on which readers disagree, or that fits no such numbers.

    A predictor says that numbers are stored as the differences to their neighbours. libtiff minds
    it only in data that are compressed by LZW or deflate.
    """
    predictor, code = int(page.predictor), int(page.compression)
    if predictor == 1 or code in BY_PILLOW:
        return
    fits = {2: layout.bits in (8, 16, 32, 64), 3: layout.dtype.kind == "f"}
    if code not in (LZW, *DEFLATES) or not fits.get(predictor, False):
        raise SegadvError(
            f"{path}: names the predictor {predictor}, which its data can't have; write it again"
        )


def numbers(page: Any, layout: Layout, file: BufferedReader, path: Path) -> Array:
    """Return the numbers of a page, (y, x) or (y, x, samples), as stored.

    Raises:
        SegadvError: if a strip or tile is damaged.
    """
    planes, height, width, samples = layout.shape
    array: Array = np.zeros(layout.shape, layout.dtype)
    for index, (start, count) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        plane, row, column, rows = layout.place(index)
        line = ceil(layout.part[1] * samples * layout.bits / 8)
        file.seek(start)
        data = _unpacked(page, file.read(count), rows * line, path)
        if len(data) < rows * line:
            raise truncated(path, len(data), rows * line)
        part = _spread(data[: rows * line], rows, layout, page)
        part = part[: height - row, : width - column]
        array[plane, row : row + part.shape[0], column : column + part.shape[1]] = part
    if planes > 1:
        return np.ascontiguousarray(np.moveaxis(array[..., 0], 0, -1))
    return array[0, ..., 0] if samples == 1 else array[0]


def _unpacked(page: Any, data: bytes, expected: int, path: Path) -> bytes:
    """Return the bytes of a strip or tile, at most as many as expected."""
    code = int(page.compression)
    if code in DEFLATES:
        data = _inflated(data, expected, path)
    elif code == LZW:
        return _lzw(data, expected, page.fillorder, path)
    elif code == PACKBITS:
        data = bytes(tifffile.TIFF.DECOMPRESSORS[PACKBITS](data))
    elif code != NONE:
        name = getattr(page.compression, "name", str(code))
        raise SegadvError(
            f"{path}: is compressed by {name}, which can't be read; save it with deflate or LZW"
        )
    if page.fillorder == 2:
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        return np.packbits(bits).tobytes()
    return data


def _inflated(data: bytes, expected: int, path: Path) -> bytes:
    """Inflate a strip or tile to its checksum."""
    member = zlib.decompressobj()
    try:
        found = member.decompress(data, expected)
        while not member.eof and member.unconsumed_tail:
            if len(member.decompress(member.unconsumed_tail, 1 << 16)) > 1 << 15:
                return found  # padded far beyond the image
    except zlib.error:
        raise damaged(path) from None
    if not member.eof:
        raise truncated(path, len(found), expected, "zlib")
    return found


def _lzw(data: bytes, expected: int, order: int, path: Path) -> bytes:
    """Unpack LZW by libtiff, from a TIFF file in memory with one line of bytes."""
    tags = {256: expected, 257: 1, 258: 8, 259: LZW, 262: 1, 266: int(order)}
    tags |= {273: 8 + 2 + 10 * 12 + 4, 277: 1, 278: 1, 279: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    small = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data
    try:
        with pillow(path, BytesIO(small), "TIFF") as image:
            return image.tobytes()
    except SegadvError:
        raise damaged(path, "its LZW data are no valid stream") from None


def _spread(data: bytes, rows: int, layout: Layout, page: Any) -> Array:
    """Return the numbers in the bytes of a strip or tile, (rows, columns, samples)."""
    samples, columns = layout.shape[3], layout.part[1]
    if layout.bits not in (8, 16, 32, 64):
        bits = np.unpackbits(np.frombuffer(data, np.uint8).reshape(rows, -1), axis=1)
        bits = bits[:, : columns * samples * layout.bits].reshape(-1, layout.bits)
        weights = (1 << np.arange(layout.bits)[::-1]).astype(layout.dtype)
        return np.asarray(bits @ weights, layout.dtype).reshape(rows, columns, samples)
    size = layout.dtype.itemsize
    if page.predictor == 3:
        # Bytes of a row lie apart by their weight, each as the difference to its neighbour.
        raw = np.frombuffer(data, np.uint8).reshape(rows, columns * size, samples)
        lines = np.cumsum(raw, axis=1, dtype=np.uint8).reshape(rows, size, columns * samples)
        big = np.ascontiguousarray(lines.transpose(0, 2, 1)).view(layout.dtype.newbyteorder(">"))
        return big.astype(layout.dtype).reshape(rows, columns, samples)
    order: Literal["<", ">"] = ">" if page.parent.byteorder == ">" else "<"
    part = np.frombuffer(data, layout.dtype.newbyteorder(order)).astype(layout.dtype)
    part = part.reshape(rows, columns, samples)
    if page.predictor == 2:
        whole = part.view(f"u{size}")
        part = np.cumsum(whole, axis=1, dtype=whole.dtype).view(layout.dtype)
    return part


def by_pillow(path: Path, file: BufferedReader, number: int) -> Array:
    """Return a page as Pillow reads it: bool, grey or RGB, upright, black being 0.

    Raises:
        SegadvError: if Pillow can't read it.
    """
    file.seek(0)
    with pillow(path, file, "TIFF") as image:
        image.seek(number)
        image.load()
        plain = image.mode in ("1", "L", "I;16")
        array = np.array(image if plain else image.convert("RGB"))
        # Pillow removes the tag when it has turned the page.
        return upright(array, image.getexif().get(TAG, 1))
