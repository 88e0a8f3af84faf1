"""Named structures of a segmentation: their names, a choice among them, and one mask of them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...common.memory import available
from ...common.wording import class_name
from ...data.labels import MOST_LABEL
from ...data.scan import Array
from ...errors import SegadvError
from ..dicom.elements import clean
from ..place import SEPARATOR

JOINER = "+"
# So many structures are named in a message.
MOST_LISTED = 12
# A class number above this makes no list of class names.
MOST_NAMES = 4096
LONGEST_NAME = 64


@dataclass(frozen=True)
class Segment:
    """A structure: its class number in the mask, from 1, and its name, which may be empty."""

    number: int
    name: str

    def __str__(self) -> str:
        return f"{self.number} {self.name}".rstrip()

    def answers_to(self, text: str) -> bool:
        """Return whether a text means this structure: its number, its name, or both."""
        number, name = str(self.number), self.name.casefold()
        wanted = text.casefold()
        both = {f"{number}{mark}{name}" for mark in (" ", ":", ": ", "=")}
        return wanted in {number, name, *both} and wanted != ""


class NoPixel(SegadvError):
    """A structure was chosen that is there, but has no pixel."""


def cleaned(text: Any) -> str:
    """Return a name from a file as one short line, see `clean`.

    Examples:
        >>> cleaned("Liver\\x1b[31m\\n (right lobe) ")
        'Liver [31m (right lobe)'
    """
    return clean(str(text))[:LONGEST_NAME].strip()


def chosen(segments: Sequence[Segment], which: str, path: Path, noun: str) -> list[Segment]:
    """Return the structures that PATH::WHICH means.

    Args:
        segments: all in the file.
        which: number, name or both; several joined by +; "" for all.
        path: the file, for messages.
        noun: what messages call one of them: "segment".

    Raises:
        SegadvError: if there is none of that name, or several.

    Examples:
        >>> both = [Segment(1, "liver"), Segment(2, "right kidney")]
        >>> chosen(both, "2+Liver", Path("seg.dcm"), "segment")
        [Segment(number=1, name='liver'), Segment(number=2, name='right kidney')]
    """
    if not which.strip():
        return list(segments)
    whole = _meant(segments, cleaned(which))
    texts = [which] if whole else which.split(JOINER)
    found = []
    for text in map(cleaned, texts):
        meant = _meant(segments, text)
        if len(meant) > 1:
            raise SegadvError(
                f"{path}: {text} means {listed(meant)}; give number and label: "
                f"{path}{SEPARATOR}{meant[0]}"
            )
        if not meant:
            raise SegadvError(f"{path}: has no {noun} {text}; choose from {listed(segments)}")
        found += meant
    return [segment for segment in segments if segment in found]


def _meant(segments: Iterable[Segment], text: str) -> list[Segment]:
    return [segment for segment in segments if segment.answers_to(text)]


def listed(segments: Sequence[Segment]) -> str:
    """Return structures as a text for a message, the first of them if they are many."""
    text = ", ".join(map(str, segments[:MOST_LISTED])) or "none"
    more = len(segments) - MOST_LISTED
    return f"{text} and {more} more" if more > 0 else text


def class_names(segments: Sequence[Segment]) -> tuple[str, ...]:
    """Return the names of all class numbers, background first; empty if there are no names."""
    most = max((segment.number for segment in segments), default=0)
    if most > MOST_NAMES or not any(segment.name for segment in segments):
        return ()
    names = {segment.number: segment.name for segment in segments}
    numbers = range(1, most + 1)
    return ("background", *(names.get(number) or class_name(number) for number in numbers))


def check_numbers(segments: Sequence[Segment], path: Path, noun: str) -> None:
    """Refuse structures whose numbers can't tell them apart.

    Raises:
        SegadvError: if a number occurs twice or is no class number.
    """
    numbers = [segment.number for segment in segments]
    wrong = next((number for number in numbers if not 1 <= number <= MOST_LABEL), None)
    if wrong is not None:
        raise SegadvError(
            f"{path}: has a {noun} with the number {wrong}, but they go from 1 to {MOST_LABEL}; "
            "write the file again"
        )
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice is not None:
        raise SegadvError(f"{path}: has two {noun}s with the number {twice}; write the file again")


class Canvas:
    """Class numbers onto which structures are painted, each pixel at most once.

    Args:
        shape: of the mask.
        segments: those that will be painted.
        path: the file, for messages.
        which: how they were chosen; "" if all of the file are painted.

    Raises:
        SegadvError: if the memory does not hold the class numbers, and a copy on another grid.
    """

    def __init__(
        self, shape: tuple[int, ...], segments: Sequence[Segment], path: Path, which: str
    ) -> None:
        most = max((segment.number for segment in segments), default=0)
        dtype = np.dtype(np.uint8 if most < 256 else np.uint16)
        needed = math.prod(shape) * dtype.itemsize
        if 2 * needed > available():
            raise SegadvError(
                f"{path}: its {needed / 1e9:.3g} GB of class numbers need more memory than there "
                "is; use a part of it"
            )
        self.array: Array = np.zeros(shape, dtype)
        self.segments = {segment.number: segment for segment in segments}
        self.path, self.which = path, which
        self.painted: set[int] = set()

    def paint(self, part: Array, inside: npt.NDArray[np.bool_], segment: Segment) -> None:
        """Paint a structure onto a part of the array: a view of it, where `inside` is true.

        Raises:
            SegadvError: if another structure has one of the pixels.
        """
        before = part[inside]
        if not before.size:
            return
        other = before[(before != 0) & (before != segment.number)]
        if other.size:
            first = self.segments[int(other.flat[0])]
            raise SegadvError(
                f"{self.path}: {first} and {segment} overlap, but a pixel has one class; choose "
                f"one, {self.path}{SEPARATOR}{first.number} or "
                f"{self.path}{SEPARATOR}{segment.number}"
            )
        part[inside] = segment.number
        self.painted.add(segment.number)

    def empty(self) -> list[Segment]:
        """Return the structures that have no pixel.

        Raises:
            NoPixel: if none of those that were chosen has one: as a target, they would mean
                that everything shall vanish.
        """
        left = [one for number, one in self.segments.items() if number not in self.painted]
        if self.which and len(left) == len(self.segments):
            raise NoPixel(f"{self.path}: holds no pixel of {listed(left)}; choose others")
        return left
