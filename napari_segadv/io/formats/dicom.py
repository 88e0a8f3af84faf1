"""DICOM: an image by its folder, by any one of its files, or chosen from several by PATH::WHICH."""

from pathlib import Path

from ..dicom.files import holds_dicom, is_dicom_file
from ..dicom.reading import read
from ..registry import Format

SUFFIXES = (".dcm", ".dicom", ".ima")


def is_dicom(path: Path) -> bool:
    """Return True for a DICOM file and for a folder with one in it or in the folders below it."""
    if path.is_dir():
        return holds_dicom(path)
    return is_dicom_file(path) or path.name.lower().endswith(SUFFIXES)


FORMATS = (
    Format(
        "DICOM series",
        SUFFIXES,
        read,
        None,
        saved_as=".nii.gz",
        claims=is_dicom,
    ),
)
