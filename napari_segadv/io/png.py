"""PNG files: their chunks, each held against its checksum, and 16-bit grey with alpha."""

import struct
import zlib
from dataclasses import dataclass, replace
from io import BufferedReader, BytesIO
from pathlib import Path

import numpy as np

from ..data.scan import Array
from .integrity import check_claim, damaged, size_of, truncated
from .pillow import pillow

MAGIC = b"\x89PNG\r\n\x1a\n"
PIECE = 1 << 20
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
BITS = {GREY: (1, 2, 4, 8, 16), PALETTE: (1, 2, 4, 8)}
# First column and row, and steps, of the seven passes of an interlaced image.
ADAM7 = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)),
    (0, 1, 1, 2),
)


@dataclass(frozen=True)
class Head:
    """What the first chunk says, and which other chunks there are."""

    width: int
    height: int
    bits: int
    colour: int
    interlaced: bool
    chunks: frozenset[bytes] = frozenset()

    @property
    def raw(self) -> int:
        """Bytes of the unpacked rows, each with its filter."""
        pixel = self.bits * SAMPLES[self.colour]
        sizes = [
            (-(-(self.width - x) // dx), -(-(self.height - y) // dy))
            for x, y, dx, dy in (ADAM7 if self.interlaced else ((0, 0, 1, 1),))
        ]
        return sum((-(-w * pixel // 8) + 1) * h for w, h in sizes if w > 0 and h > 0)


class Rows:
    """Counts the bytes of the unpacked rows, which Pillow would fill up where some are missing."""

    def __init__(self, path: Path) -> None:
        self.path, self.packed, self.found = path, 0, 0
        self._member = zlib.decompressobj()

    def feed(self, data: bytes) -> None:
        """Take a piece of the packed rows."""
        self.packed += len(data)
        try:
            while data:
                self.found += len(self._member.decompress(data, PIECE))
                data = self._member.unconsumed_tail
        except zlib.error:
            raise damaged(self.path, "its compressed data are no valid stream") from None


def check(file: BufferedReader, path: Path) -> Head:
    """Read all chunks of a file, whose image has to fit into it and into memory.

    Raises:
        SegadvError: if one is damaged or missing, or the image can't be held.
    """
    size = size_of(file)
    file.seek(len(MAGIC))
    found: set[bytes] = set()
    rows, head = Rows(path), None
    while b"IEND" not in found:
        start = file.read(8)
        if len(start) < 8:
            raise truncated(path, size, size + 12)
        length, name = struct.unpack(">I4s", start)
        if length + 4 > size - file.tell():
            raise truncated(path, size, file.tell() + length + 4)
        if head is None and (name != b"IHDR" or length != 13):
            raise damaged(path, "it does not begin with its size")
        checksum, left = zlib.crc32(name), length
        while left:
            piece = file.read(min(PIECE, left))
            checksum, left = zlib.crc32(piece, checksum), left - len(piece)
            if head is None:
                head = _head(piece, path, size)
            elif name == b"IDAT":
                rows.feed(piece)
        if file.read(4) != struct.pack(">I", checksum):
            raise damaged(path, "its data do not match their checksum")
        found.add(name)
    if head is None or rows.found < head.raw:
        raise truncated(path, rows.packed, head.raw if head else 1, "zlib")
    return replace(head, chunks=frozenset(found))


def _head(data: bytes, path: Path, size: int) -> Head:
    """Return what the first chunk says, if the file and memory can hold it."""
    width, height, bits, colour, _, _, interlace = struct.unpack(">IIBBBBB", data)
    known = colour in SAMPLES and bits in BITS.get(colour, (8, 16))
    if not known or not (width and height):
        raise damaged(path, f"{width} x {height} pixels of {bits} bits and kind {colour}")
    head = Head(width, height, bits, colour, bool(interlace))
    # Pillow makes three bytes of a palette's pixel, and ITK two arrays.
    check_claim(path, head.raw, size, "zlib", width * height * (8 if bits == 16 else 4))
    return head


def grey_alpha_16(path: Path, file: BufferedReader, head: Head) -> Array:
    """Return grey and alpha of 16 bits each, (y, x, 2).

    Pillow would cut them to 8 bits. Their bytes are packed exactly as those of RGBA with 8 bits.
    """
    file.seek(0)
    whole = file.read()
    begin = len(MAGIC) + 8
    new = whole[begin : begin + 8] + bytes((8, RGBA)) + whole[begin + 10 : begin + 13]
    crc = struct.pack(">I", zlib.crc32(b"IHDR" + new))
    changed = BytesIO(whole[:begin] + new + crc + whole[begin + 17 :])
    with pillow(path, changed, "PNG") as image:
        pairs = np.array(image).view(">u2")
    return pairs.astype(np.uint16).reshape(head.height, head.width, 2)
