"""Choice: which of the images of a folder or file a place means, PATH::WHICH."""

from dataclasses import dataclass
from pathlib import Path

from ...common.wording import counted
from ...errors import SegadvError
from ..place import SEPARATOR
from .elements import clean
from .files import dicom_files
from .headers import Header, header_of
from .stacks import Image, images_of

ALONE, STRAIGHTEN = "file", "straighten"
# Choices that an error message lists.
MOST_LISTED = 40


@dataclass(frozen=True)
class Chosen:
    """The image that a place means.

    Attributes:
        image: its planes.
        frame: the number, from 0, of the frame that was chosen of those without a place.
        straighten: whether slices of a tilted gantry shall be resampled.
        notes: what the user has to know about the choice.
    """

    image: Image
    frame: int | None = None
    straighten: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """One of the images at a path: what chooses it after ::, and what it is."""

    which: str
    description: str


@dataclass(frozen=True)
class Found:
    """The images of a folder, and what else is in it.

    Attributes:
        images: that can be read.
        damaged: names of files.
        others: modalities of files that hold none.
        refused: of each other image, why it can't be read.
    """

    images: list[Image]
    damaged: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def headers_in(folder: Path, nested: bool = True) -> tuple[list[Header], tuple[str, ...]]:
    """Return the headers of a folder's DICOM files, and the names of those that are damaged."""
    headers, damaged = [], []
    for path in dicom_files(folder, nested):
        try:
            headers.append(header_of(path))
        except SegadvError:
            damaged.append(path.name)
    return headers, tuple(damaged)


def images_in(folder: Path, nested: bool = True) -> Found:
    """Return the images of a folder, with one pass over its headers."""
    headers, damaged = headers_in(folder, nested)
    others = {header.modality for header in headers if header.refusal}
    refused = tuple(header.refusal for header in headers if header.refusal and min(header.shape))
    return Found(images_of(headers), damaged, tuple(sorted(others - {""})), refused)


def choices(path: Path) -> list[Choice]:
    """List what there is to choose from at a path: nothing if it means one image anyway.

    Slices of a tilted gantry are offered as they will be read: resampled.
    """
    folder = folder_of(path)
    if folder is not None:
        images = images_in(folder).images
    else:
        header = header_of(path)
        images = [] if header.refusal else images_of([header])
        if len(images) == 1 and images[0].frames:
            return [
                Choice(str(n + 1), f"frame {n + 1} of {images[0].description}")
                for n in range(images[0].frames)
            ]
    tilted = [bool(image.course.angle) for image in images]
    evident = _evident(images)
    if not images or (evident is not None and not evident.course.angle):
        return []
    return [
        Choice(
            f"{n}+{STRAIGHTEN}" if tilt else str(n),
            text + (", resampled to right angles" if tilt else ""),
        )
        for n, (text, tilt) in enumerate(zip(described(images), tilted, strict=True), start=1)
    ]


def folder_of(path: Path) -> Path | None:
    """Return the folder that a path means: itself, or that of a disc's table of contents."""
    if path.is_dir():
        return path
    return path.parent if path.name.upper() == "DICOMDIR" else None


def choose(path: Path, which: str) -> Chosen:
    """Return the image that a place means.

    Raises:
        SegadvError: if there is none, or several, of which it then lists each with what chooses it.
    """
    which, straighten = _straightened(which.strip())
    folder = folder_of(path)
    chosen = _in_file(path, which) if folder is None else _in_folder(path, folder, which)
    course = chosen.image.course
    if straighten and not course.angle:
        raise SegadvError(f"{path}: its slices are not tilted; remove {STRAIGHTEN}")
    if course.angle and not straighten:
        wanted = f"{which}+{STRAIGHTEN}" if which else STRAIGHTEN
        raise SegadvError(
            f"{path}: its gantry was tilted by {course.angle:.1f} degrees, so that the last slice "
            f"lies {course.beside:.3g} mm beside the place where a box would have it; name "
            f"{path}{SEPARATOR}{wanted} to have the slices resampled"
        )
    return Chosen(chosen.image, chosen.frame, straighten, chosen.notes)


def _straightened(which: str) -> tuple[str, bool]:
    """Split what chooses an image from the wish to resample it.

    Examples:
        >>> _straightened("2+straighten"), _straightened("straighten"), _straightened("T1+C")
        (('2', True), ('', True), ('T1+C', False))
    """
    if which == STRAIGHTEN:
        return "", True
    head, plus, tail = which.rpartition("+")
    return (head, True) if plus and tail == STRAIGHTEN else (which, False)


def _in_folder(path: Path, folder: Path, which: str) -> Chosen:
    found = images_in(folder)
    if not found.images and found.refused:
        raise SegadvError(f"{path}: {found.refused[0]}")
    if not found.images:
        held = f" (only {', '.join(found.others)})" if found.others else ""
        what = f"holds DICOM files, but none with an image that can be read{held}"
        raise SegadvError(f"{path}: {what}; name a folder that holds an image")
    image = None if which else _evident(found.images)
    notes = _damage(found.damaged) + _refused(found.refused)
    if image is None:
        image = pick(found.images, path, which)
    elif len(found.images) > 1:
        notes += (f"{_of_localizers(len(found.images) - 1)} left out.",)
    return _checked(Chosen(image, notes=notes), path)


def _evident(images: list[Image]) -> Image | None:
    """Return the image that a folder evidently means: its only one, or only one but localizers."""
    if len(images) == 1:
        return images[0]
    others = [image for image in images if not image.header.localizer]
    return others[0] if len(others) == 1 else None


def _of_localizers(count: int) -> str:
    return "A localizer was" if count == 1 else f"{count} localizers were"


def _damage(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        return ()
    listed = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    were = "was" if len(names) == 1 else "were"
    return (
        f"{counted(len(names), 'file')} of the folder can't be read and {were} left out: {listed}.",
    )


def _refused(reasons: tuple[str, ...]) -> tuple[str, ...]:
    """Say which images of a folder can't be read, and why."""
    return tuple(
        f"Left out: {counted(reasons.count(reason), 'image')} of the folder that {reason}."
        for reason in dict.fromkeys(reasons)
    )


def _in_file(path: Path, which: str) -> Chosen:
    header = header_of(path)
    if header.refusal:
        raise SegadvError(f"{path}: {header.refusal}")
    images = images_of([header])
    if len(images) == 1 and images[0].frames:
        return Chosen(images[0], frame=_frame(path, images[0].frames, which))
    if len(images) > 1 or images[0].volume:
        # An enhanced image: its frames lie in this file.
        one = images[0] if len(images) == 1 and which in ("", ALONE) else None
        return _checked(Chosen(one or pick(images, path, which)), path)
    if which == ALONE:
        return Chosen(images[0])
    if which:
        raise SegadvError(f"{path}: holds one image; remove {SEPARATOR}{which}")
    if header.stacks:
        return _checked(_series_of(path), path)
    note = "It was read alone, since its header does not say where it lies."
    return Chosen(images[0], notes=(note,) if header.lost else ())


def _series_of(path: Path) -> Chosen:
    """Return the image that a slice belongs to, with the other files of its folder."""
    found = images_in(path.parent, nested=False)
    own = next((i for i in found.images if any(plane.path == path for plane in i.planes)), None)
    if own is None:
        raise SegadvError(
            f"{path}: its folder can't be listed; name it by {path}{SEPARATOR}{ALONE}"
        )
    rest = [i for i in found.images if i.header.uid == own.header.uid and i is not own]
    if not own.volume:
        beside = sum(len(image.planes) for image in rest if own.header.uid)
        note = f"It was read alone: {counted(beside, 'other slice')} of its series can't be joined."
        return Chosen(own, notes=(note,) if beside else ())
    odd = [image for image in rest if image.odd and _related(image, own)]
    if odd:
        raise SegadvError(
            f"{path}: its series holds slices that do not fit together; "
            f"{listing(found.images, path.parent)}"
        )
    notes = _damage(found.damaged) + _refused(found.refused)
    notes += _beside(path, rest) if own.header.uid else ()
    return Chosen(own, notes=notes)


def _beside(path: Path, rest: list[Image]) -> tuple[str, ...]:
    """Say that the series of a slice holds other images: echoes, phases, or slices that differ."""
    if not rest:
        return ()
    return (f"Its series holds {counted(len(rest), 'other image')}, too: name {path.parent}.",)


def _related(image: Image, own: Image) -> bool:
    """Whether two images lie in one series that has a UID, or in none."""
    return image.planes[0].group == own.planes[0].group


def _frame(path: Path, count: int, which: str) -> int:
    if which.isdecimal() and 1 <= int(which) <= count:
        return int(which) - 1
    what = f", not one called {which}" if which else " without a place of their own"
    raise SegadvError(
        f"{path}: holds {count} frames{what}; choose one, {path}{SEPARATOR}1 to "
        f"{path}{SEPARATOR}{count}"
    )


def pick(images: list[Image], path: Path, which: str) -> Image:
    """Return the image that a number, the UID of a series or the beginning of a description means.

    Raises:
        SegadvError: if it means none or several.
    """
    if which.isdecimal() and 1 <= int(which) <= len(images):
        return images[int(which) - 1]
    wanted = which.casefold()
    by_uid = [image for image in images if which and image.header.uid == which]
    by_text = [
        image
        for image in images
        if which
        and any(
            text.casefold().startswith(wanted)
            for text in (image.header.description, image.description)
        )
    ]
    for found in (by_uid, by_text):
        if len(found) == 1:
            return found[0]
    what = f"holds {counted(len(images), 'image')}"
    if which:
        several = bool(by_uid or by_text)
        what += f", {'more than one' if several else 'none'} of which is {clean(which)[:60]}"
    raise SegadvError(f"{path}: {what}; {listing(images, path)}")


def listing(images: list[Image], path: Path) -> str:
    """Return what there is to choose from, in one line."""
    listed = [f"{n} = {name}" for n, name in enumerate(described(images), start=1)]
    more = len(listed) - MOST_LISTED
    end = f"; and {more} more" if more > 0 else ""
    return f"choose one by {path}{SEPARATOR}NUMBER: " + "; ".join(listed[:MOST_LISTED]) + end


def described(images: list[Image]) -> list[str]:
    """Return the descriptions of images, each of which is different.

    Equal ones are told apart by the instance number, or else by the name of the first file.
    """
    texts = [image.description for image in images]
    for told in (_by_number, _by_file):
        texts = [
            text if texts.count(text) == 1 else f"{text}, {told(image)}"
            for text, image in zip(texts, images, strict=True)
        ]
    return texts


def _by_number(image: Image) -> str:
    return f"number {clean(image.planes[0].instance)[:12] or 'unknown'}"


def _by_file(image: Image) -> str:
    return f"from {image.planes[0].path.name}"


def _checked(chosen: Chosen, path: Path) -> Chosen:
    """Refuse slices that do not make a volume.

    Raises:
        SegadvError: if some are missing or doubled.
    """
    course = chosen.image.course
    if course.fault:
        alone = f"; {course.planes[0].path}{SEPARATOR}{ALONE} reads one slice"
        single = course.planes[0].frame is None
        raise SegadvError(f"{path}: {course.fault}{alone if single else ''}")
    return chosen
