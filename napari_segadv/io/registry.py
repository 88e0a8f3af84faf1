"""What a file format declares, and how the one that fits a path is found."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..common.discovery import Registry
from ..data.scan import Scan
from ..errors import SegadvError
from . import formats as package

if TYPE_CHECKING:
    import SimpleITK as sitk


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: what people call it.
        suffixes: file name endings, lower case, the preferred one first.
        geometry: whether it carries spacing, origin and direction.
        read: path -> the ITK image and what else is worth keeping (`Scan.meta`).
        write: ITK image of stored numbers, path, the Scan it belongs to.
        saved_as: suffix that an image of this format is saved with, itself unless it can't
            keep what was written (a lossy format) or can't be written yet.
        why_not: a sentence for the user where `saved_as` is another format.
        files: the files that an image lies in, from the path of one; itself if None.
        claims: tells from a path whether this format reads it; by suffix if None.
    """

    name: str
    suffixes: tuple[str, ...]
    geometry: bool
    read: Callable[[Path], "tuple[sitk.Image, dict[str, Any]]"]
    write: "Callable[[sitk.Image, Path, Scan], None] | None"
    saved_as: str
    why_not: str = ""
    files: Callable[[Path], Sequence[Path]] | None = None
    claims: Callable[[Path], bool] | None = None
    dimensions: str = "2-D, 3-D"
    pixels: str = "grey, RGB"

    def fits(self, path: Path) -> bool:
        if self.claims is not None:
            return self.claims(path)
        return path.name.lower().endswith(self.suffixes)


def _formats_in(module: ModuleType) -> list[tuple[str, Format]]:
    return [(form.name, form) for form in getattr(module, "FORMATS", ())]


FORMATS: Registry[Format] = Registry("format", package, _formats_in)


def formats() -> tuple[Format, ...]:
    """Every declared format."""
    return tuple(FORMATS.all().values())


def suffix(path: Path) -> str:
    """The ending of a file's name as a known format has it (".nii.gz" whole), or its last part."""
    name = path.name.lower()
    known = [end for form in formats() for end in form.suffixes if name.endswith(end)]
    return max(known, key=len) if known else path.suffix.lower()


def check_name(path: Path) -> None:
    """Refuses what ITK would wait on for ever, or end the whole process over.

    Raises:
        SegadvError: where a name is not in UTF-8, or is neither a file's nor a folder's.
    """
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        told = os.fsencode(path).decode("utf-8", "replace")
        raise SegadvError(f"{told}: its name is not in UTF-8; rename it") from None
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise SegadvError(f"{path}: is no file; name an image")


def format_of(path: Path) -> Format:
    """The format that reads or writes a path.

    Raises:
        SegadvError: where none does.
    """
    check_name(path)
    for form in formats():
        if form.fits(path):
            return form
    if path.is_dir():
        raise SegadvError(
            f"{path}: no DICOM series in this folder; name a folder that directly holds one, "
            "or an image file"
        )
    readable = ", ".join(end for form in formats() for end in form.suffixes)
    raise SegadvError(f"{path}: not an image that can be read; known are {readable} and DICOM")


def check_label_map(path: Path) -> None:
    """Raises SegadvError where a label map can't be written as such a file."""
    try:
        writable = format_of(path).write is not None
    except SegadvError:
        writable = False
    if not writable:
        raise SegadvError(f"{path}: label maps can't be written as that; use .nii.gz or .png")
