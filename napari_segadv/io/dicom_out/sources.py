"""Sources: the files that an image was read from, without their pixels, as a template."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, generate_uid

from ...data.scan import Array, Scan
from ...errors import SegadvError
from ..dicom.files import FAULTS, parse, quiet, reason
from ..dicom.kinds import sop_class
from ..segments.dicom_files import meta_of, understood

# Instead of UIDs that are blank: equal for all files that this process reads.
_BLANK = {name: generate_uid(None) for name in ("StudyInstanceUID", "FrameOfReferenceUID")}


@dataclass(frozen=True)
class Source:
    """Where the slices of an image come from.

    Attributes:
        files: one for each slice, in the image's order, or a single one for all of them.
        frames: for a single file with several frames, which of them are the slices; None: the file
            has one.
    """

    files: tuple[Path, ...]
    frames: tuple[int, ...] | None = None


def why_not(scan: Scan) -> str:
    """Return why an image can't be written as DICOM, for the user; "" if it can."""
    files, facts = scan.meta.get("files"), scan.meta
    if not str(facts.get("format", "")).startswith("DICOM") or not files:
        return "it was not read from DICOM files"
    if facts.get("straightened"):
        return "it was resampled, so it does not lie on the slices of its files"
    if facts.get("modality_lut"):
        return "its values are those of a lookup table, which can't be turned back"
    slices = scan.grid.shape[0] if scan.grid.ndim == 3 else 1
    if len(files) not in (1, slices):
        return f"its {slices} slices are spread over {len(files)} files with several frames"
    missing = next((file for file in files if not Path(file).is_file()), None)
    if missing is not None:
        return f"{missing} is no longer there"
    try:
        return unfit(header_of(Path(files[0])), scan.array if scan.colour else None)
    except SegadvError as error:
        return str(error)


def source_of(scan: Scan) -> Source:
    """Return the files of an image.

    Raises:
        SegadvError: if it can't be written as DICOM.
    """
    reason = why_not(scan)
    if reason:
        raise SegadvError(f"{scan.name}: can't be written as DICOM: {reason}; save it as NIfTI")
    files = tuple(Path(file) for file in scan.meta["files"])
    slices = scan.grid.shape[0] if scan.grid.ndim == 3 else 1
    frames = scan.meta.get("frames")
    if len(files) > 1 or (frames is None and slices == 1):
        return Source(files)
    numbers = range(slices) if frames is None else frames
    return Source(files, tuple(int(number) for number in numbers))


@contextmanager
def writing(path: Path, instead: str) -> Iterator[None]:
    """Turn what fails in writing a file into one line, and keep pydicom's warnings back.

    Args:
        path: the file.
        instead: what to do if it can't be made, for the message.
    """
    with quiet():
        try:
            yield
        except MemoryError:
            raise SegadvError(
                f"{path}: needs more memory than there is; close other programs, or {instead}"
            ) from None
        except OSError as error:
            raise SegadvError(
                f"{path}: can't be written ({error.strerror or reason(error)}); name another place"
            ) from None
        except FAULTS as error:
            raise SegadvError(f"{path}: can't be made ({reason(error)}); {instead}") from None


def header_of(path: Path) -> Dataset:
    """Read a file without its pixels.

    Raises:
        SegadvError: if it can't be read.
    """
    dataset = parse(path)
    with understood(path):
        kind = sop_class(dataset)
        if not kind:
            raise SegadvError(f"{path}: does not say what it is (SOP Class UID); export it again")
        dataset.SOPClassUID = kind
        if not dataset.get("StudyInstanceUID"):
            dataset.StudyInstanceUID = _BLANK["StudyInstanceUID"]
    return dataset


def unfit(dataset: Dataset, colours: Array | None) -> str:
    """Return what keeps the pixels of a file from being written; "" for nothing.

    Args:
        dataset: of the file.
        colours: of the image, if it is in colour.
    """
    if str(meta_of(dataset).get("TransferSyntaxUID", "")) == ExplicitVRBigEndian:
        return "it is in big-endian byte order, which the standard has withdrawn"
    if colours is not None:
        fits = colours.dtype in (np.uint8, np.uint16)
        return "" if fits else f"it has colours of the type {colours.dtype}"
    photometric = str(dataset.get("PhotometricInterpretation") or "MONOCHROME2")
    allocated, bits = int(dataset.get("BitsAllocated") or 0), int(dataset.get("BitsStored") or 0)
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or not 0 < bits <= allocated <= 16:
        return f"its pixels have {bits} of {allocated} bits ({photometric})"
    return ""


def placed(dataset: Dataset) -> Dataset:
    """Give a slice whose frame of reference is blank one: segmentations need it."""
    if not dataset.get("FrameOfReferenceUID"):
        dataset.FrameOfReferenceUID = _BLANK["FrameOfReferenceUID"]
    return dataset


def read_headers(files: Sequence[str | Path]) -> list[Dataset]:
    """Read the headers of several files."""
    return [header_of(Path(file)) for file in files]
