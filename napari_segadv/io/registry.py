"""What a file format declares, and how to find the one that fits a path."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ..common.discovery import Registry
from ..data.scan import Array, Grid, Mask, Scan, Storage
from ..errors import SegadvError
from . import formats as package
from .integrity import check_regular
from .pixels import Pixels


def no_scaling(storage: Storage) -> bool:
    """Most formats keep no slope and intercept beside their numbers."""
    return (storage.slope, storage.intercept) == (1.0, 0.0)


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: its usual name.
        suffixes: file name endings, lower case, the preferred one first.
        read: takes a path and what chooses one of several images there ("" for nothing), and
            returns the Pixels.
        write: takes stored numbers (components last), their grid, a path and the Scan that they
            belong to; None if the format can't be written.
        saved_as: suffix that an image of this format is saved with: its own, unless the format is
            lossy or can't be written yet.
        why_not: the reason, for the user, if `saved_as` is another format.
        files: lists an image's files from the path of one; if None, the image is that one file.
        claims: decides from a path whether this format reads it; if None, the suffix decides.
        read_mask: reads class numbers, for a format whose masks are stored otherwise than its
            images; None: as `read`.
        read_segments: reads named structures as a mask, for a format that holds no images: takes
            a path, what chooses some of the structures ("" for all), and the grid of the image
            that they lie on (None if it is not known). Such a format is asked for its files
            before the others, and its `read` refuses them.
        scales: whether `write` keeps a storage's slope and intercept; if not, it is given values
            in real units instead of the stored numbers.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, str], Pixels]
    write: Callable[[Array, Grid, Path, Scan], None] | None
    saved_as: str
    why_not: str = ""
    files: Callable[[Path], Sequence[Path]] | None = None
    claims: Callable[[Path], bool] | None = None
    read_mask: Callable[[Path, str], Pixels] | None = None
    read_segments: Callable[[Path, str, Grid | None], Mask] | None = None
    scales: Callable[[Storage], bool] = no_scaling
    dimensions: str = "2-D, 3-D"
    pixels: str = "grey, RGB"

    def fits(self, path: Path) -> bool:
        if self.claims is not None:
            return self.claims(path)
        # A folder may be called like a file.
        return path.name.lower().endswith(self.suffixes) and not path.is_dir()


def _formats_in(module: ModuleType) -> list[tuple[str, Format]]:
    return [(form.name, form) for form in getattr(module, "FORMATS", ())]


FORMATS: Registry[Format] = Registry("format", package, _formats_in)


def formats() -> tuple[Format, ...]:
    """Return every declared format, those of segmentations first.

    A segmentation often looks like an image by its name: .dcm, .seg.nrrd.
    """
    return tuple(sorted(FORMATS.all().values(), key=lambda form: form.read_segments is None))


def suffix(path: Path) -> str:
    """Return a file's suffix: that of a known format (".nii.gz" whole), else the last one."""
    name = path.name.lower()
    known = [end for form in formats() for end in form.suffixes if name.endswith(end)]
    return max(known, key=len) if known else path.suffix.lower()


def check_name(path: Path) -> None:
    """Refuse paths on which a reader would wait for ever, or ITK end the whole process.

    Raises:
        SegadvError: if the name is not in UTF-8, or names something other than a file or folder.
    """
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        shown = os.fsencode(path).decode("utf-8", "replace")
        raise SegadvError(f"{shown}: its name is not in UTF-8; rename it") from None
    if not path.is_dir():
        check_regular(path)


def format_of(path: Path) -> Format:
    """Return the format that reads or writes a path.

    Raises:
        SegadvError: if no format does.
    """
    check_name(path)
    for form in formats():
        if form.fits(path):
            return form
    if path.is_dir():
        raise SegadvError(
            f"{path}: no DICOM series in this folder; name a folder that holds one, or an "
            "image file"
        )
    readable = ", ".join(end for form in formats() for end in form.suffixes)
    raise SegadvError(f"{path}: not an image that can be read; use {readable} or DICOM")


def check_label_map(path: Path) -> None:
    """Raise SegadvError if a label map can't be written to such a file."""
    try:
        writable = format_of(path).write is not None
    except SegadvError:
        writable = False
    if not writable:
        raise SegadvError(f"{path}: can't hold a label map; use .nii.gz or .png")
