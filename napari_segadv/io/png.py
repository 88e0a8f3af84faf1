"""PNG files: their chunks, each held against its checksum, and 16-bit grey with alpha."""

import struct
import zlib
from dataclasses import dataclass
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
# Text and profiles may be packed, and take their time; an image needs none of them.
MOST_SIDE = 1 << 26


@dataclass(frozen=True)
class Head:
    """What the first chunk says, and which other chunks there are."""

    width: int
    height: int
    bits: int
    colour: int
    chunks: frozenset[bytes]


def check(file: BufferedReader, path: Path) -> Head:
    """Read all chunks of a file, whose image has to fit into it and into memory.

    Raises:
        SegadvError: if one is damaged or missing.
    """
    size = size_of(file)
    file.seek(len(MAGIC))
    found: set[bytes] = set()
    packed = 0
    head = b""
    while b"IEND" not in found:
        start = file.read(8)
        if len(start) < 8:
            raise truncated(path, size, size + 12)
        length, name = struct.unpack(">I4s", start)
        if length > size - file.tell():
            raise truncated(path, size, file.tell() + length + 4)
        checksum, left = zlib.crc32(name), length
        while left:
            piece = file.read(min(PIECE, left))
            checksum, left = zlib.crc32(piece, checksum), left - len(piece)
            if not found:
                head += piece
        if file.read(4) != struct.pack(">I", checksum):
            raise damaged(path, "its data do not match their checksum")
        found.add(name)
        packed += length if name == b"IDAT" else 0
        if len(found) == 1 and (name != b"IHDR" or len(head) != 13):
            raise damaged(path, "it does not begin with its size")
    width, height, bits, colour = struct.unpack(">IIBB", head[:10])
    if colour not in SAMPLES or bits not in (1, 2, 4, 8, 16) or not (width and height):
        raise damaged(path, f"{width} x {height} pixels of {bits} bits and kind {colour}")
    # Pillow makes three bytes of a palette's pixel, and ITK two arrays.
    line = -(-width * bits * SAMPLES[colour] // 8)
    check_claim(path, line * height, packed, "zlib", width * height * (8 if bits == 16 else 4))
    return Head(width, height, bits, colour, frozenset(found))


def grey_alpha_16(file: BufferedReader, head: Head) -> Array:
    """Return grey and alpha of 16 bits each, (y, x, 2).

    Pillow would cut them to 8 bits. Their bytes are packed exactly as those of RGBA with 8 bits.
    """
    file.seek(0)
    whole = file.read()
    begin = len(MAGIC) + 8
    new = whole[begin : begin + 8] + bytes((8, RGBA)) + whole[begin + 10 : begin + 13]
    crc = struct.pack(">I", zlib.crc32(b"IHDR" + new))
    with pillow(BytesIO(whole[:begin] + new + crc + whole[begin + 17 :]), "PNG") as image:
        pairs = np.array(image).view(">u2")
    return pairs.astype(np.uint16).reshape(head.height, head.width, 2)
