"""Checks before a file is trusted: what it is, where its data lie, and what they will take."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from ..common.memory import available
from ..errors import SegadvError

# The most that one compressed byte can hold: deflate's limit is 1032, and bzip2 packs a block of
# 900 kB of zeros into some 40 bytes.
EXPANSION = {"": 1, "zlib": 1032, "bzip2": 25_000}
# Compressed data smaller than this are small whatever they hold.
SMALL = 1 << 16
# What a path may be instead of a file.
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def check_regular(path: Path) -> None:
    """Refuse whatever is there and is no file: reading a pipe or a device may never end.

    Raises:
        SegadvError: if the path, or what a link there points to, is a pipe, a device or the like.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # nothing is there, or it can't be seen: opening it will say why
    kind = next((words for test, words in KINDS if test(mode)), "")
    if kind or not stat.S_ISREG(mode):
        raise SegadvError(f"{path}: is {kind or 'no file'}; name an image file")


@contextmanager
def one_line(path: Path) -> Iterator[None]:
    """Turn whatever reading a file raises into a one-line error.

    The readers say themselves what is wrong with a file. This is for full memory, failing disks,
    and for what none of them foresaw: then the error has a cause.
    """
    try:
        yield
    except SegadvError:
        raise
    except MemoryError:
        raise SegadvError(
            f"{path}: needs more memory than there is; close other programs, or use a smaller image"
        ) from None
    except OSError as error:
        raise SegadvError(
            f"{path}: can't be read ({error.strerror or error}); check the file"
        ) from None
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise SegadvError(
            f"{path}: can't be read ({text}); copy it again from its source, and report it if "
            "other programs read it"
        ) from error


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a file for reading, but nothing else that may be at its path.

    Raises:
        SegadvError: if it is no file, is empty, or can't be read.
    """
    check_regular(path)
    # Does not wait if a pipe has taken the file's place since.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            there = os.fstat(file.fileno())
            if not stat.S_ISREG(there.st_mode):
                raise SegadvError(f"{path}: is no file; name an image file")
            if not there.st_size:
                raise SegadvError(f"{path}: is empty; copy it again from its source")
            yield file
    except OSError as error:
        raise SegadvError(
            f"{path}: can't be read ({error.strerror or error}); check the file"
        ) from None


def size_of(file: BufferedReader) -> int:
    """Return the size of an open file in bytes."""
    return os.fstat(file.fileno()).st_size


def beside(header: Path, name: str) -> Path:
    """Return the data file that a header names, which has to lie in the header's folder.

    Args:
        header: the file that names it.
        name: as written there; a folder inside the header's folder may be part of it.

    Raises:
        SegadvError: if the name leads out of the folder, by itself or by a link, or if no file is
            there.
    """
    parts = name.replace("\\", "/").split("/")
    bad = not name.strip() or "\0" in name or parts[0] == "" or ".." in parts
    # A colon makes a drive, an address such as file:// or, on Windows, another stream.
    if bad or ":" in parts[0] or parts[0].startswith("~"):
        raise _outside(header, name)
    path = header.parent.joinpath(*parts)
    try:
        real = path.resolve()
        folders = {header.parent.resolve(), header.resolve().parent}
    except (OSError, RuntimeError):
        raise _outside(header, name) from None
    if not any(real.is_relative_to(folder) for folder in folders):
        raise _outside(header, name)
    check_regular(path)
    if not path.exists():
        raise SegadvError(
            f"{header}: its data file {name[:80]} is missing; copy it beside the header"
        )
    return path


def _outside(header: Path, name: str) -> SegadvError:
    shown = name[:80].encode("unicode_escape").decode()
    return SegadvError(
        f"{header}: takes its pixels from {shown}, which is outside its folder; copy the data file "
        "beside the header and name it there"
    )


def check_claim(path: Path, claimed: int, held: int, packing: str = "", needed: int = 0) -> None:
    """Hold what a header claims against what the file can contain, and against free memory.

    Args:
        path: the file, for messages.
        claimed: bytes of pixels.
        held: bytes in the file, as stored.
        packing: how they are compressed: "", "zlib" or "bzip2".
        needed: bytes of memory that reading takes at once, if that is more than `claimed`.

    Raises:
        SegadvError: if the file can't hold the image, or memory can't.
    """
    check_held(path, claimed, held, packing)
    check_memory(path, max(claimed, needed))


def check_held(path: Path, claimed: int, held: int, packing: str = "") -> None:
    """Refuse a file that can't hold what its header claims, as `check_claim`."""
    if claimed > held * EXPANSION[packing] + (SMALL if packing else 0):
        raise truncated(path, held, claimed, packing)


def truncated(path: Path, held: int, claimed: int, packing: str = "") -> SegadvError:
    """Return the error for a file that ends before its image does."""
    words = " compressed" if packing else ""
    return SegadvError(
        f"{path}: ends before its image does ({held}{words} bytes for one of {claimed}); check "
        "that the file is complete and of the type that its name says"
    )


def damaged(
    path: Path, reason: object = "its compressed data do not match their checksum"
) -> SegadvError:
    """Return the error for a file whose contents contradict themselves."""
    words = " ".join(str(reason).split())
    return SegadvError(f"{path}: is damaged ({words}); copy it again from its source")


def lossy(path: Path, kind: str) -> SegadvError:
    """Return the error for class numbers behind a compression that changes numbers."""
    return SegadvError(
        f"{path}: is compressed by {kind}, which can change class numbers; save the mask as PNG or "
        "as .nii.gz from its source"
    )


def check_memory(path: Path, needed: int) -> None:
    """Refuse an image that does not fit into free memory.

    Args:
        path: the file, for messages.
        needed: bytes that reading it takes at once.

    Raises:
        SegadvError: if fewer are free.
    """
    free = available()
    if needed > free:
        raise SegadvError(
            f"{path}: needs {needed / 1e9:.3g} GB of memory, but only {free / 1e9:.3g} GB are "
            "free; close other programs, or use a smaller image"
        )
