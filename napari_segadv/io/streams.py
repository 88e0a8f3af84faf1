"""Bytes of a file one after the other, plain or compressed: never more than asked for."""

import bz2
import zlib
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.scan import Array
from ..errors import SegadvError
from .integrity import check_held, check_memory, damaged, size_of, truncated

# How hard writers try to compress. More takes noise four times as long, for one per cent.
LEVEL = 4
# Compressed bytes read at a time, and bytes thrown away at a time.
PIECE, PLENTY = 1 << 16, 1 << 20
# More bytes than this behind an image are too many to be a remnant.
MOST_REST = 64 << 20
GZIP = b"\x1f\x8b\x08"
BZIP2 = b"BZh"


class Stream:
    """The bytes of an open file from where it stands, unpacked while they are read.

    A compressed stream may have several members, one after the other, as gzip allows. Zeros and
    other bytes behind the last member are ignored, as gunzip does; `notes` then says so.

    Args:
        file: open at the first byte.
        packing: "" for plain bytes, "zlib" (also gzip) or "bzip2".
        path: the file, for messages.

    Raises:
        SegadvError: by any method, if the compressed data are damaged.
    """

    def __init__(self, file: BufferedReader, packing: str, path: Path) -> None:
        self.file, self.packing, self.path = file, packing, path
        self.held = size_of(file) - file.tell()
        self.notes: tuple[str, ...] = ()
        self._packed, self._ended = b"", False
        self._member: Any = self._new_member() if packing else None

    def _new_member(self) -> Any:
        # 32 + 15: a header of zlib or of gzip, whichever there is.
        return zlib.decompressobj(47) if self.packing == "zlib" else bz2.BZ2Decompressor()

    def read(self, count: int) -> bytes:
        """Return the next bytes; fewer than `count` only at the end."""
        if not self.packing:
            return self.file.read(count)
        found = bytearray()
        while len(found) < count:
            piece = self._unpack(min(PLENTY, count - len(found)))
            if not piece:
                break
            found += piece
        return bytes(found)

    def fill(self, array: Array) -> int:
        """Fill an array, which must be contiguous, with the next bytes; return how many."""
        view = array.reshape(-1).view(np.uint8).data
        done = 0
        while done < len(view):
            if self.packing:
                piece = self._unpack(min(PLENTY, len(view) - done))
                view[done : done + len(piece)] = piece
                count = len(piece)
            else:
                count = self.file.readinto(view[done:])
            if not count:
                break
            done += count
        return done

    def skip(self, count: int) -> int:
        """Pass over bytes; return how many there were."""
        done = 0
        while done < count:
            piece = self.read(min(PLENTY, count - done))
            if not piece:
                break
            done += len(piece)
        return done

    def finish(self) -> None:
        """Read what is left, so that the checksums are verified.

        Raises:
            SegadvError: if they do not match, or far more is left than a remnant.
        """
        rest = self.skip(MOST_REST + 1) if self.packing else self.held_still()
        if self.packing and rest > MOST_REST:
            raise SegadvError(
                f"{self.path}: holds more than {MOST_REST >> 20} MB behind its image; check that "
                "its header belongs to it"
            )
        if rest:
            self.notes = (*self.notes, f"{rest} bytes behind its image are ignored.")

    def held_still(self) -> int:
        """Bytes of the file, as stored, that have not been read."""
        return size_of(self.file) - self.file.tell()

    def _unpack(self, most: int) -> bytes:
        """Return some of the next bytes, at most `most`; none at the end."""
        while not self._ended:
            if self._member.eof:
                self._next_member()
                continue
            over = False
            if not self._packed and getattr(self._member, "needs_input", True):
                self._packed = self.file.read(PIECE)
                over = not self._packed
            try:
                piece: bytes = self._member.decompress(self._packed, most)
            except (zlib.error, OSError, ValueError) as error:
                raise damaged(self.path, _reason(error)) from None
            self._packed = getattr(self._member, "unconsumed_tail", b"")
            if piece:
                return piece
            if over and not self._member.eof:
                raise truncated(self.path, self.held, self.held + 1, self.packing)
        return b""

    def _next_member(self) -> None:
        """Turn to the member that follows the one that has ended, if there is one."""
        rest = self._member.unused_data
        rest += self.file.read(PIECE)
        if rest.startswith(GZIP if self.packing == "zlib" else BZIP2):
            self._member, self._packed = self._new_member(), rest
            return
        self._ended = True
        if rest.strip(b"\0"):
            self.notes = (*self.notes, "Bytes behind its compressed data are ignored.")


def _reason(error: Exception) -> str:
    """Say what is wrong with compressed data in words for people."""
    text = str(error)
    if "data check" in text or "length check" in text or "CRC" in text:
        return "its compressed data do not match their checksum"
    return "its compressed data are no valid stream"


def packing_of(file: BufferedReader) -> str:
    """Return how a file is compressed, from its first bytes, whatever its name says."""
    start = file.read(3)
    file.seek(0)
    return "zlib" if start == GZIP else "bzip2" if start == BZIP2 else ""


def read_numbers(
    stream: Stream,
    dtype: npt.DTypeLike,
    shape: tuple[int, ...],
    path: Path,
    needed: int = 0,
    chosen: tuple[int, int] = (0, 1),
) -> Array:
    """Read an array, all of which has to be there.

    Args:
        stream: at the first number.
        dtype: of the numbers, with their byte order.
        shape: of the array.
        path: the file, for messages.
        needed: bytes of memory that reading takes at once, if more than the array.
        chosen: which of how many such arrays that lie one behind the other.

    Raises:
        SegadvError: if the file or the memory can't hold it, or the data are damaged.
    """
    kind = np.dtype(dtype)
    claimed = kind.itemsize
    for size in shape:
        claimed *= size
    held = stream.held if stream.packing else stream.held_still()
    number, count = chosen
    check_held(path, claimed * count, held, stream.packing)
    check_memory(path, max(claimed, needed))
    found = stream.skip(claimed * number)
    array = np.empty(shape, kind)
    found += stream.fill(array)
    found += stream.skip(claimed * (count - number - 1))
    if found < claimed * count:
        raise truncated(path, found, claimed * count)
    stream.finish()
    return array
