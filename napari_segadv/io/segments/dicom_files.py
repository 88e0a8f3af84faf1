"""DICOM files that hold a segmentation: what kind a file is, and reading it whole by pydicom."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info, read_partial
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from ...errors import SegadvError

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
CONTOURS = "1.2.840.10008.5.1.4.1.1.481.3"
SOP_CLASS = 0x00080016
# What a deflated file may grow to.
MOST_BYTES = 1 << 29
BLOCK = 1 << 20
# A data set without preamble begins with group 2 or 8, little endian, and a small element.
BARE = (b"\x02\x00", b"\x08\x00")
FAULTS = (
    InvalidDicomError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    struct.error,
    zlib.error,
)


def sop_class(path: Path) -> str:
    """Return the SOP class UID of a DICOM file; "" for other files, and for damaged ones."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = file.read(132)
            if start[128:] == b"DICM":
                found = read_file_meta_info(path).get("MediaStorageSOPClassUID", "")
                return str(found or _bare_class(file))
            bare = start[:2] in BARE and len(start) > 8 and start[3] == 0
            return _bare_class(file) if bare else ""
    except FAULTS:
        return ""


def _bare_class(file: BinaryIO) -> str:
    """Return the SOP class that the data set itself names."""
    file.seek(0)
    found = read_partial(file, lambda tag, *_: tag > SOP_CLASS, force=True)
    return str(found.get("SOPClassUID", ""))


def only_file(path: Path) -> Path:
    """Return the file that a path means: itself, or the only file of a folder."""
    if not path.is_dir():
        return path
    try:
        inside = [child for child in path.iterdir() if not child.name.startswith(".")]
    except OSError:
        return path
    return inside[0] if len(inside) == 1 and inside[0].is_file() else path


@contextmanager
def understood(path: Path) -> Iterator[None]:
    """Turn what pydicom raises on a file with faults into one line, and keep its warnings back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except MemoryError:
            raise SegadvError(
                f"{path}: is too large for the memory of this computer; use a part of it"
            ) from None
        except RecursionError:
            raise SegadvError(f"{path}: nests its entries too deeply; write it again") from None
        except FAULTS as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise SegadvError(f"{path}: can't be read ({reason}); write the file again") from None


def read_dicom(path: Path) -> Dataset:
    """Read a DICOM file with all its entries.

    Raises:
        SegadvError: if it can't be read.
    """
    with understood(path):
        dataset = _read(path)
        syntax = dataset.file_meta.get("TransferSyntaxUID") if "file_meta" in vars(dataset) else ""
    if syntax == ExplicitVRBigEndian:
        raise SegadvError(
            f"{path}: is in big-endian byte order, which the standard has withdrawn; convert it to "
            "little endian (dcmconv +te)"
        )
    return dataset


def _read(path: Path) -> Dataset:
    with path.open("rb") as file:
        bare = file.read(132)[128:] != b"DICM"
    if not bare:
        syntax = read_file_meta_info(path).get("TransferSyntaxUID")
        if syntax == DeflatedExplicitVRLittleEndian and _inflated(path) > MOST_BYTES:
            raise SegadvError(
                f"{path}: grows to more than {MOST_BYTES >> 20} MiB when it is unpacked; save it "
                "without compression"
            )
    dataset: Dataset = pydicom.dcmread(path, force=bare)
    return dataset


def _inflated(path: Path) -> int:
    """Return the size of a deflated file when unpacked, or one above MOST_BYTES."""
    with path.open("rb") as file:
        # The file meta information is not deflated; its length stands in its first element.
        file.seek(132)
        length = struct.unpack("<8xI", file.read(12))[0]
        file.seek(144 + length)
        unpack, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
        for block in iter(partial(file.read, BLOCK), b""):
            while block and total <= MOST_BYTES:
                total += len(unpack.decompress(block, BLOCK))
                block = unpack.unconsumed_tail
    return total


def items(dataset: Dataset | None, keyword: str) -> list[Any]:
    """Return the items of a sequence, none if it is missing."""
    found = None if dataset is None else dataset.get(keyword)
    return [] if found is None else list(found)


def floats(dataset: Dataset | None, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return so many finite numbers of an attribute; None if they are not there."""
    found = None if dataset is None else dataset.get(keyword)
    if found is None:
        return None
    several = not isinstance(found, str) and hasattr(found, "__iter__")
    values = tuple(float(value) for value in (found if several else (found,)))
    finite = all(abs(value) < float("inf") for value in values)
    return values if len(values) == count and finite else None
