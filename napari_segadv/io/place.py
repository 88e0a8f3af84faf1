"""Where an image lies: a path, and which of the images there, written PATH::WHICH."""

from pathlib import Path

from ..errors import SegadvError

SEPARATOR = "::"


def split(place: str | Path) -> tuple[Path, str]:
    """Split a place into its path and what chooses one of several images, "" for nothing.

    A file whose name has the separator in it is meant itself.

    Examples:
        >>> split("cd/DICOM::2")
        (PosixPath('cd/DICOM'), '2')
        >>> split("ct.nii.gz")
        (PosixPath('ct.nii.gz'), '')
    """
    text = str(place)
    if SEPARATOR not in text or Path(text).exists():
        return Path(text), ""
    path, _, which = text.rpartition(SEPARATOR)
    return Path(path), which


def only_one(path: Path, which: str) -> None:
    """Refuse a choice among the images of a file that holds one.

    Raises:
        SegadvError: if something was chosen.
    """
    if which:
        raise SegadvError(f"{path}: holds one image; remove {SEPARATOR}{which}")
