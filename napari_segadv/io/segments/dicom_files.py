"""DICOM files that hold a segmentation: what kind a file is, and reading it whole by pydicom."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

from ...errors import SegadvError
from ..dicom import kinds
from ..dicom.files import FAULTS, is_dicom_file, parse, quiet, reason

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
CONTOURS = "1.2.840.10008.5.1.4.1.1.481.3"


def sop_class(path: Path) -> str:
    """Return the SOP class UID of a DICOM file; "" for other files, and for damaged ones."""
    if not is_dicom_file(path):
        return ""
    try:
        found = parse(path, ["SOPClassUID"])
        with quiet():
            return kinds.sop_class(found)
    except (SegadvError, *FAULTS):
        return ""


def meta_of(dataset: Dataset) -> Dataset:
    """Return the file meta information, an empty one if there is none."""
    found: Any = getattr(dataset, "file_meta", None)
    return Dataset() if found is None else found


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
    with quiet():
        try:
            yield
        except MemoryError:
            raise SegadvError(
                f"{path}: is too large for the memory of this computer; use a part of it"
            ) from None
        except RecursionError:
            raise SegadvError(f"{path}: nests its entries too deeply; write it again") from None
        except FAULTS as error:
            raise SegadvError(
                f"{path}: can't be read ({reason(error)}); write the file again"
            ) from None


def read_dicom(path: Path) -> Dataset:
    """Read a DICOM file with all its entries.

    Raises:
        SegadvError: if it can't be read.
    """
    dataset = parse(path, pixels=True)
    with understood(path):
        syntax = meta_of(dataset).get("TransferSyntaxUID", "")
    if syntax == ExplicitVRBigEndian:
        raise SegadvError(
            f"{path}: is in big-endian byte order, which the standard has withdrawn; convert it to "
            "little endian (dcmconv +te)"
        )
    return dataset


def items(dataset: Dataset | None, keyword: str) -> list[Any]:
    """Return the items of a sequence, none if it is missing.

    What is damaged raises an error, unlike in `dicom.elements`: a segmentation of which a part
    can't be read must not be taken for a smaller one.
    """
    found = None if dataset is None else dataset.get(keyword)
    return [] if found is None else list(found)


def floats(dataset: Dataset | None, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return so many finite numbers of an attribute; None if they are not there.

    What is damaged raises an error, as in `items`.
    """
    found = None if dataset is None else dataset.get(keyword)
    if found is None:
        return None
    several = not isinstance(found, str) and hasattr(found, "__iter__")
    values = tuple(float(value) for value in (found if several else (found,)))
    finite = all(abs(value) < float("inf") for value in values)
    return values if len(values) == count and finite else None
