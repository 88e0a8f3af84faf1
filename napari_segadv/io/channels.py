"""The files of an image of several channels, found by the names that nnU-Net gives them."""

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import SegadvError
from .dicom.files import holds_dicom
from .formats.dicom import SUFFIXES as DICOM
from .formats.photographs import FORMATS
from .place import SEPARATOR, split
from .registry import formats

# nnU-Net's names: the case, the number of the channel, and the ending of the format.
NUMBERED = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")
# The endings of formats that have no geometry.
PHOTOGRAPHS = tuple(ending for form in FORMATS for ending in form.suffixes)
# With more files than this, a case is no set of channels: they are frames or slices.
MOST_CHANNELS = 16
# Cases whose names fit into a message.
MOST_NAMED = 5


def channel_files(place: str | Path) -> list[Path]:
    """Return the files of the case at a place, one for each channel, in order.

    Args:
        place: a folder of files named as for nnU-Net, CASE_0000.nii.gz, CASE_0001.nii.gz, ...;
            FOLDER::CASE chooses one of several cases, and so does FOLDER/CASE.

    Returns:
        The files; none if the place is something else: a file, a folder with DICOM files.

    Raises:
        SegadvError: if there are several cases and none is chosen, there is no such one, or the
            file of a channel is missing or there twice; or if the files are photographs and the
            case is not named.
    """
    path, which = split(place)
    folder = path
    if not path.exists() and not which:
        folder, which = path.parent, path.name
        cases = _cases(folder)
        return _in_order(cases[which], folder, which) if which in cases else []
    cases = _cases(path)
    if not cases or holds_dicom(path):
        return []
    if not which and len(cases) == 1:
        (which,) = cases
        _check_meant(path, which, [file for _, file in cases[which]])
    if which not in cases:
        named = [*cases][:MOST_NAMED]
        listed = ", ".join(f"{path}{SEPARATOR}{case}" for case in named)
        more = ", ..." if len(cases) > len(named) else ""
        what = f"holds no case {which}" if which else f"holds {len(cases)} cases"
        raise SegadvError(f"{path}: {what}; choose one: {listed}{more}")
    return _in_order(cases[which], path, which)


def _check_meant(folder: Path, case: str, files: list[Path]) -> None:
    """Refuse several photographs as channels of one image, unless somebody names the case.

    They may as well be frames, slices or X-rays of several patients: unlike NIfTI and its like,
    they have no geometry that would tell.
    """
    if len(files) < 2 or not all(file.name.lower().endswith(PHOTOGRAPHS) for file in files):
        return
    raise SegadvError(
        f"{folder}: its {len(files)} files {files[0].name} to {files[-1].name} may be channels of "
        f"one image or images of their own; name one of them, or {folder}{SEPARATOR}{case} for one "
        "image"
    )


def said(files: Sequence[Path]) -> str:
    """Return the note that names the files which were taken as the channels of one image."""
    names = ", ".join(file.name for file in files)
    return f"Its {len(files)} channels are the files {names}."


def cases_in(folder: Path) -> tuple[str, ...]:
    """Return the names of the cases in a folder of files named as for nnU-Net; none for others."""
    cases = _cases(folder)
    return tuple(cases) if cases and not holds_dicom(folder) else ()


def _cases(folder: Path) -> dict[str, list[tuple[int, Path]]]:
    """Return the numbered files of a folder, by their cases."""
    found: dict[str, list[tuple[int, Path]]] = {}
    try:
        there = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError:
        return found  # a folder that may not be read
    endings = [end for form in formats() for end in form.suffixes if end not in DICOM]
    for path in there:
        name = path.name.lower()
        ending = max((end for end in endings if name.endswith(end)), key=len, default="")
        stem = NUMBERED.fullmatch(path.name[: len(path.name) - len(ending)]) if ending else None
        if stem is not None and path.is_file():
            found.setdefault(stem["case"], []).append((int(stem["channel"]), path))
    return {case: files for case, files in found.items() if len(files) <= MOST_CHANNELS}


def _in_order(files: list[tuple[int, Path]], folder: Path, case: str) -> list[Path]:
    for number, (channel, path) in enumerate(sorted(files)):
        if channel < number:
            raise SegadvError(f"{path}: is a second file of channel {channel:04d}; remove one")
        if channel > number:
            raise SegadvError(
                f"{folder}: has no channel {number:04d} of {case}, but {path.name}; add its file"
            )
    return [path for _, path in sorted(files)]
