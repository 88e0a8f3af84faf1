"""DICOM files: which they are, and their elements, read so that no file can hang or fill memory."""

import io
import logging
import os
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pydicom
from pydicom.dataset import FileDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.tag import Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from ...common.memory import available
from ...errors import SegadvError

# What pydicom raises on files that are damaged or that somebody made to do harm. Full memory is no
# fault of a file: `integrity.one_line` says so.
FAULTS = (
    OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, NotImplementedError,
    RuntimeError, ArithmeticError, AssertionError, struct.error, zlib.error, InvalidDicomError,
    BytesLengthException,
)  # fmt: skip

# An element takes two reads or three. The largest enhanced series have a million elements.
MOST_READS = 3_000_000
# Of a compressed data set, the bytes that are searched for the header.
MOST_HEADER = 1 << 24
MOST_FILES = 100_000
# To find out whether a folder holds DICOM, of so many files those are opened whose names are like
# it, and then the first ones of all. Levels of folders below it.
MOST_LISTED, MOST_TRIED, MOST_LEVELS = 20_000, 1000, 12

# The VRs that a first element can have, and its groups: file meta information, or identification.
FIRST_VRS = (b"UL", b"CS", b"UI", b"DA", b"TM", b"LO", b"SH", b"OB", b"PN", b"DT", b"SQ", b"ST")
FIRST_GROUPS = (0x0002, 0x0008)

_WARNINGS = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom's warnings and log from the user: what matters is said by our own messages."""
    log = logging.getLogger("pydicom")
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        passed_on, log.propagate = log.propagate, False
        try:
            yield
        finally:
            log.propagate = passed_on


class Bounded(io.BufferedReader):
    """A file of which no read takes more than there is, and which ends after so many reads."""

    def __init__(self, path: Path, most: int = MOST_READS) -> None:
        super().__init__(io.FileIO(path))
        self.length = os.fstat(self.fileno()).st_size
        self.left = most

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise OSError("it has more elements than any image")
        return super().read(self.length if size is None or size < 0 else min(size, self.length))


def is_file(path: Path) -> bool:
    """Return whether a path is a regular file, or a link to one: not a pipe, socket or device."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def begins_as_dicom(head: bytes) -> bool:
    """Return whether the first 132 bytes of a file are those of a DICOM file.

    Files from old archives lack the 128 bytes and the magic word at the beginning.

    Examples:
        >>> begins_as_dicom(bytes(128) + b"DICM"), begins_as_dicom(b"GIF89a" + bytes(126))
        (True, False)
        >>> begins_as_dicom(bytes.fromhex("0800 0500 4353 0a00") + b"ISO_IR 100")
        True
    """
    if head[128:132] == b"DICM":
        return True
    if len(head) < 16:
        return False
    for order in "<>":
        group, element, vr = struct.unpack_from(f"{order}HH2s", head)
        if group in FIRST_GROUPS and element <= 0x0018:
            (length,) = struct.unpack_from(f"{order}I", head, 4)
            implicit = order == "<" and group == 8 and length % 2 == 0 and length <= 256
            if vr in FIRST_VRS or implicit:
                return True
    return False


def is_dicom_file(path: Path) -> bool:
    """Return whether a path is a file that begins as a DICOM file does."""
    if not is_file(path):
        return False
    try:
        with Bounded(path) as file:
            return begins_as_dicom(file.read(132))
    except OSError:
        return False


def files_below(folder: Path, nested: bool = True) -> Iterator[Path]:
    """Yield the files of a folder, then those of the folders in it, each in alphabetical order.

    Links to folders are not followed: they can lead in circles, or anywhere.
    """
    level = [folder]
    for _ in range(MOST_LEVELS):
        below: list[Path] = []
        for each in level:
            try:
                entries = sorted(os.scandir(each), key=lambda entry: entry.name)
            except OSError:
                continue
            yield from (Path(e.path) for e in entries if not e.is_dir() and is_file(Path(e.path)))
            below += [Path(e.path) for e in entries if e.is_dir(follow_symlinks=False)]
        level = below if nested else []


def holds_dicom(folder: Path) -> bool:
    """Return whether one of a folder's first files, or those in folders below it, is DICOM.

    A disc often has a viewer, the many files of which come first by name: files without an ending
    are tried before those that have one.
    """
    for path in islice(files_below(folder), MOST_LISTED):
        if may_be_dicom(path.name) and is_dicom_file(path):
            return True
    return any(is_dicom_file(path) for path in islice(files_below(folder), MOST_TRIED))


def may_be_dicom(name: str) -> bool:
    """Return whether a file's name is like those of DICOM files.

    Examples:
        >>> [may_be_dicom(name) for name in ("IM0001", "1.2.840.10", "a.DCM", "a.nii.gz", "x.dll")]
        [True, True, True, False, False]
    """
    ending = Path(name).suffix[1:].lower()
    return not ending or ending.isdecimal() or ending in ("dcm", "dicom", "ima", "img")


def dicom_files(folder: Path, nested: bool = True) -> Iterator[Path]:
    """Yield the DICOM files of a folder and of the folders in it.

    Raises:
        SegadvError: if it holds too many files.
    """
    for number, path in enumerate(files_below(folder, nested)):
        if number >= MOST_FILES:
            raise SegadvError(
                f"{folder}: holds more than {MOST_FILES} files; name a folder further down"
            )
        if is_dicom_file(path):
            yield path


def parse(path: Path, tags: Sequence[str | int] | None = None, pixels: bool = False) -> FileDataset:
    """Read the elements of a file.

    Args:
        path: the file.
        tags: keywords of the elements that are needed; None: all.
        pixels: whether the pixels are needed, too.

    Raises:
        SegadvError: if it is not DICOM, or damaged.
    """
    wanted = None if tags is None else [Tag(tag) for tag in tags]
    try:
        with quiet(), Bounded(path) as file:
            head = file.read(4096)
            if not begins_as_dicom(head):
                raise SegadvError(f"{path}: is not a DICOM file; name an image")
            file.seek(0)
            deflated = DeflatedExplicitVRLittleEndian.encode() in head[:1024]
            source = _inflated(file, head, pixels) if deflated else file
            return pydicom.dcmread(
                source, stop_before_pixels=not pixels, force=True, specific_tags=wanted
            )
    except FAULTS as error:
        raise SegadvError(
            f"{path}: its DICOM header can't be read ({reason(error)}); check that the file is "
            "complete"
        ) from None


def _inflated(file: Bounded, head: bytes, pixels: bool) -> io.BytesIO:
    """Return a file whose data set is compressed as one whose is not.

    Only its beginning if the pixels are not needed, and never more than memory holds.
    """
    if head[128:138] != b"DICM\x02\x00\x00\x00UL":
        raise ValueError("its meta information has no length")
    end = 144 + int(struct.unpack_from("<I", head, 140)[0])
    meta = file.read(end)
    if not 144 < end == len(meta) < MOST_HEADER:
        raise ValueError("its meta information is cut off")
    syntax = DeflatedExplicitVRLittleEndian.encode()
    meta = meta.replace(syntax, ExplicitVRLittleEndian.encode().ljust(len(syntax), b"\0"))
    most = available() // 3 if pixels else MOST_HEADER
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    body = inflater.decompress(file.read(), most)
    if pixels and not inflater.eof:
        full = "needs more memory than there is" if len(body) >= most else "ends too early"
        raise ValueError(f"its compressed data {full}")
    return io.BytesIO(meta + body)


def reason(error: BaseException) -> str:
    """Return what an error says, in one line without control characters.

    Examples:
        >>> reason(ValueError("bad value\\nin line 2"))
        'bad value in line 2'
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())
    return text[:200] or type(error).__name__
