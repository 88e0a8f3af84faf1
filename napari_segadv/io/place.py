"""Where an image lies: a path, and which of the images there, written PATH::WHICH."""

from pathlib import Path

from ..errors import SegadvError

SEPARATOR = "::"
# Chooses all volumes of a file, or all values of a pixel, as the channels of one image.
CHANNELS = "channels"


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


def number_of(which: str, count: int, path: Path, what: str) -> int:
    """Return the number, from 0, that was chosen of several images; people count from 1.

    Args:
        which: what was chosen.
        count: how many there are.
        path: the file.
        what: says that there are several, for the message if none was chosen.

    Raises:
        SegadvError: if none was chosen, or there is no such one.

    Examples:
        >>> number_of("3", 5, Path("a.nii"), "has 5 volumes")
        2
        >>> number_of("", 5, Path("a.nii"), "has 5 volumes")
        Traceback (most recent call last):
        napari_segadv.errors.SegadvError: a.nii: has 5 volumes; choose one by a.nii::1 to ::5
    """
    if not which:
        choose = f"choose one by {path.name}{SEPARATOR}1 to {SEPARATOR}{count}"
        raise SegadvError(f"{path}: {what}; {choose}")
    if not (which.isascii() and which.isdecimal()) or not 1 <= int(which[:9]) <= count:
        shown = which[:20].encode("unicode_escape").decode()
        raise SegadvError(f"{path}: holds no number {shown}; choose 1 to {count}")
    return int(which) - 1


def only_one(path: Path, which: str) -> None:
    """Refuse a choice among the images of a file that holds one.

    Raises:
        SegadvError: if something was chosen.
    """
    if which:
        raise SegadvError(f"{path}: holds one image; remove {SEPARATOR}{which}")
