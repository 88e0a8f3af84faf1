"""Stacks: which planes make one image, and what each image of a folder or file is called."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .elements import clean
from .geometry import Course, along, closest, course, orientation_name
from .headers import TOLD_APART, Header, Plane

# How far orientations may differ (the largest difference of two numbers), and spacings (a share).
SAME_ORIENTATION, SAME_SPACING = 1e-3, 1e-3


@dataclass(frozen=True)
class Image:
    """One image that can be chosen.

    Attributes:
        header: of its first file.
        course: its planes in order, and whether they fill a box.
        frames: how many frames it has that have no place; 0 for slices and single images.
        extra: what tells it from the other images of its series, for people.
        odd: whether it is a single slice that does not fit the rest of its series.
    """

    header: Header
    course: Course
    frames: int = 0
    extra: str = ""
    odd: bool = False

    @property
    def planes(self) -> tuple[Plane, ...]:
        return self.course.planes

    @property
    def volume(self) -> bool:
        return len(self.planes) > 1

    @property
    def description(self) -> str:
        """What it is, without anything about the patient."""
        head, first = self.header, self.planes[0]
        size = f"{first.shape[0]} x {first.shape[1]}"
        parts = [head.modality or "no modality"]
        parts += [f"series {head.number}"] if head.number else []
        parts += [head.description] if head.description else []
        if self.frames:
            parts.append(f"{self.frames} frames of {size}")
        elif self.volume:
            parts.append(f"{len(self.planes)} slices of {size}")
        else:
            parts.append(f"1 image of {size}")
        parts += [orientation_name(first.orientation)] if head.stacks and first.placed else []
        parts += ["without a position"] if head.lost else []
        parts += [head.view] if head.view and not head.stacks else []
        parts += ["localizer"] if head.localizer else []
        parts += [self.extra] if self.extra else []
        parts += [f"tilted by {self.course.angle:.1f} degrees"] if self.course.angle else []
        parts += ["its slices do not fill a box"] if self.course.fault else []
        parts += ["unlike the rest of its series"] if self.odd else []
        return ", ".join(parts)


def images_of(headers: Iterable[Header]) -> list[Image]:
    """Sort the planes of files into images, the largest first.

    Slices belong together if they are of one series of one patient, and have the same size,
    orientation and spacing. Slices at one position are told apart by what their headers say.
    """
    found: list[Image] = []
    stacked: dict[str, list[tuple[Header, Plane]]] = defaultdict(list)
    for header in headers:
        if header.refusal:
            continue
        if header.stacks:
            for plane in header.planes:
                stacked[plane.group].append((header, plane))
        elif header.planes:
            found.append(Image(header, Course(header.planes[:1])))
        else:
            found.append(Image(header, Course((_whole(header),)), frames=header.frames))
    for members in stacked.values():
        found += _of_group(members)
    return sorted(found, key=_rank)


def _rank(image: Image) -> tuple[object, ...]:
    """The key to sort images by: size, then number and text of the series, then its first slice."""
    first = image.planes[0]
    number, instance = (
        int(text) if text.isdecimal() and len(text) <= 12 else 1 << 40
        for text in (image.header.number, first.instance)
    )
    place = (instance, str(first.path), first.frame or 0)
    return (-len(image.planes), number, image.header.description, image.extra, *place)


def _whole(header: Header) -> Plane:
    """All frames of a file, as one plane without a place."""
    return Plane(
        header.path, None, "", header.shape, (), (), (), 1.0, 0.0, False, (), "", ""
    )  # fmt: skip


def _of_group(members: Sequence[tuple[Header, Plane]]) -> list[Image]:
    """Return the images of a group of planes."""
    headers = {(plane.path, plane.frame): header for header, plane in members}
    alike = _alike([plane for _, plane in members])
    found = []
    for planes in alike:
        for part, extra in _told_apart(planes, ()):
            ordered = course(part)
            header = headers[ordered.planes[0].path, ordered.planes[0].frame]
            if not ordered.fault and not (header.uid and _own_uids(ordered.planes)):
                ordered = replace(ordered, fault=_of_several(ordered.planes))
            found.append(Image(header, ordered, extra=extra))
    # A slice of another size or orientation in a series of slices is not one to drop silently.
    volumes = [image for image in found if image.volume]
    if volumes:
        found = [
            image if image.volume or image.header.localizer else _odd(image) for image in found
        ]
    return found


def _own_uids(planes: Sequence[Plane]) -> bool:
    """Whether each file has a UID of its own, as it must have; blanked ones are often all equal."""
    uids = [plane.uid for plane in planes if not plane.frame]
    return len(set(uids)) == len(uids)


def _of_several(planes: Sequence[Plane]) -> str:
    """Return what is wrong with a stack whose instance numbers repeat, "" if they do not."""
    numbers = [plane.instance for plane in planes if plane.instance]
    if len(set(numbers)) in (0, 1, len(numbers)):
        return ""
    again = next(n for i, n in enumerate(numbers) if n in numbers[:i])
    return (
        f"several slices have the instance number {clean(again)} and no valid UIDs, so "
        "they may be of several patients; put each series into a folder of its own"
    )


def _odd(image: Image) -> Image:
    return replace(image, odd=True)


def _alike(planes: Sequence[Plane]) -> list[list[Plane]]:
    """Split planes by size, orientation and spacing."""
    found: list[list[Plane]] = []
    for plane in planes:
        for group in found:
            if _fits(plane, group[0]):
                group.append(plane)
                break
        else:
            found.append([plane])
    return found


def _fits(plane: Plane, other: Plane) -> bool:
    if plane.shape != other.shape or len(plane.spacing) != len(other.spacing):
        return False
    turned = np.abs(np.subtract(plane.orientation, other.orientation)).max()
    if turned > SAME_ORIENTATION:
        return False
    return bool(np.allclose(plane.spacing, other.spacing, rtol=SAME_SPACING, atol=0))


def _most_at_one_place(planes: Sequence[Plane]) -> int:
    """Return the largest number of slices that lie at one position."""
    places = np.sort(along(planes))
    apart = np.diff(places) > closest(places, planes[0].spacing)
    ends = np.append(np.flatnonzero(apart) + 1, len(places))
    return int(np.diff(ends, prepend=0).max())


def _told_apart(planes: list[Plane], known: tuple[str, ...]) -> list[tuple[list[Plane], str]]:
    """Split slices of which several lie at one position, as echoes or phases, by their headers.

    If nothing tells them apart they stay together, and reading them is refused.

    Args:
        planes: the slices.
        known: the names of the facts by which they were split already.

    Returns:
        Each part with the words that tell it from the others.
    """
    most = _most_at_one_place(planes)
    if most == 1:
        return [(planes, "")]
    for name, word in TOLD_APART.items():
        if name in known:
            continue
        parts: dict[str, list[Plane]] = defaultdict(list)
        for plane in planes:
            parts[dict(plane.told_apart)[name]].append(plane)
        if _tells(list(parts.values()), most, len(planes)):
            found = []
            for value, part in parts.items():
                shown = Path(value).name if name == "folder" else value.replace("\\", "/")
                said = clean(f"{word} {shown or 'unknown'}")[:60]
                for piece, extra in _told_apart(part, (*known, name)):
                    found.append((piece, f"{said}, {extra}" if extra else said))
            return found
    return [(planes, "")]


def _tells(parts: Sequence[Sequence[Plane]], most: int, count: int) -> bool:
    """Whether a fact that splits slices into parts is what tells several images apart.

    A time that differs from slice to slice does not: its parts are single slices.
    """
    if len(parts) < 2 or any(_most_at_one_place(part) >= most for part in parts):
        return False
    return min(map(len, parts)) > 1 or count == len(parts) == most
