"""Elements of a header as plain values: what can't be read counts as absent."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag

from .files import FAULTS

# Sequences of enhanced images take some kilobytes a frame. Longer ones take minutes to read.
LONGEST_SEQUENCE = 1 << 25


def text(ds: Dataset, name: str | int) -> str:
    """Return an element as text, "" if there is none; several values are separated by a backslash.

    Examples:
        >>> ds = Dataset()
        >>> ds.ImageType = ["DERIVED", "PRIMARY"]
        >>> text(ds, "ImageType"), text(ds, "Modality")
        ('DERIVED\\\\PRIMARY', '')
    """
    found = value(ds, name)
    if found is None:
        return ""
    if isinstance(found, bytes):
        return found.decode("latin-1").strip("\0 ")
    # A name of a person can be iterated over, too: letter by letter.
    several = isinstance(found, (MultiValue, list, tuple))
    try:
        parts = [str(each) for each in found] if several else [str(found)]
    except FAULTS:
        return ""
    return "\\".join(part.strip("\0 ") for part in parts)


def numbers(ds: Dataset, name: str | int, count: int = 0) -> tuple[float, ...]:
    """Return an element's numbers: `count` of them, or as many as there are; () if they are not.

    Examples:
        >>> ds = Dataset()
        >>> ds.PixelSpacing = [0.5, 0.4]
        >>> numbers(ds, "PixelSpacing", 2), numbers(ds, "PixelSpacing", 3)
        ((0.5, 0.4), ())
    """
    try:
        found = tuple(float(part) for part in text(ds, name).split("\\"))
    except ValueError:
        return ()
    fits = np.isfinite(found).all() and (not count or len(found) == count)
    return found if fits else ()


def number(ds: Dataset, name: str | int, otherwise: float) -> float:
    """Return an element's only number."""
    found = numbers(ds, name, 1)
    return found[0] if found else otherwise


def whole(ds: Dataset, name: str, otherwise: int = 0) -> int:
    """Return an element's only number, which is whole."""
    return int(number(ds, name, otherwise))


def value(ds: Dataset, name: str | int) -> Any:
    """Return an element's value; None if there is none, or if it can't be decoded."""
    try:
        element = ds.get(name) if isinstance(name, str) else ds.get(Tag(name))
    except FAULTS:
        return None
    return element.value if hasattr(element, "tag") and hasattr(element, "VR") else element


def items(ds: Dataset, name: str) -> list[Dataset]:
    """Return the items of a sequence.

    Raises:
        ValueError: if it is longer than those of any image.
    """
    try:
        raw = ds.get_item(name)
    except FAULTS:
        return []
    held = getattr(raw, "value", None)
    if isinstance(held, bytes) and len(held) > LONGEST_SEQUENCE:
        raise ValueError(f"{name} has {len(held)} bytes, more than that of any image")
    found = value(ds, name)
    try:
        return [item for item in found if isinstance(item, Dataset)] if found is not None else []
    except FAULTS:
        return []


def raw(ds: Dataset, name: str) -> bytes:
    """Return an element's bytes as they stand in the file, without padding."""
    try:
        found = ds.get_item(name)
    except FAULTS:
        return b""
    held = getattr(found, "value", None)
    if held is None:
        return b""
    return held.strip(b"\0 ") if isinstance(held, bytes) else str(held).encode("utf-8", "replace")


def groups(ds: Dataset, frame: int | None) -> Iterator[Dataset]:
    """Yield the data sets that describe a frame: its own groups, the shared ones, the file's.

    Each group of an enhanced image is a sequence of one item; the items are yielded.
    """
    if frame is not None:
        own = items(ds, "PerFrameFunctionalGroupsSequence")
        shared = items(ds, "SharedFunctionalGroupsSequence")
        for each in [*own[frame : frame + 1], *shared[:1]]:
            for element in list(each.keys()):
                yield from _first_item(each, element)
    yield ds


def _first_item(ds: Dataset, tag: Any) -> list[Dataset]:
    """Return the first item of a sequence; nothing if the element is no sequence."""
    try:
        element = ds[tag]
        return list(element.value)[:1] if element.VR == "SQ" and element.value else []
    except FAULTS:
        return []


def first_text(described: Iterable[Dataset], name: str | int) -> str:
    """Return the text of the closest of some data sets that has an element; "" if none has it."""
    return next((found for each in described if (found := text(each, name))), "")


def clean(found: str) -> str:
    """Return a text in one line without control characters and separators of places.

    Examples:
        >>> clean("T1\\x1b[2J  axial\\n::3")
        'T1 [2J axial 3'
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in found)
    return " ".join(shown.replace("::", " ").split())
