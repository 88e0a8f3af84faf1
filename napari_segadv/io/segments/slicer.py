"""3D Slicer's segmentations: NRRD files with layers, whose segments are named in the header.

A segment is a label value in a layer. Values of different layers are often equal: then the segments
are numbered from 1 in the order of the header.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...common.palette import colour
from ...data.labels import label_array
from ...data.scan import Array, Grid, Mask, Scan
from ...errors import SegadvError
from ..formats import nrrd
from ..itk import write_image
from ..nrrd import read_header
from .choice import Canvas, Segment, check_numbers, chosen, class_names, cleaned, listed

NOUN = "segment"
SUFFIXES = (".seg.nrrd", ".seg.nhdr")
KEY = re.compile(r"Segment(\d{1,5})_(ID|Name|LabelValue|Layer)")


@dataclass(frozen=True)
class Layered:
    """A segment, and where its pixels are: a label value in a layer."""

    segment: Segment
    layer: int
    value: int


def is_segmentation(path: Path) -> bool:
    """Return whether a file is a segmentation, by its name or by its header."""
    name = path.name.lower()
    if name.endswith(SUFFIXES):
        return True
    if not name.endswith((".nrrd", ".nhdr")) or not path.is_file():
        return False
    try:
        return bool(_entries(read_header(path).keys))
    except SegadvError:
        return False  # reading it as an image will say what is wrong


def read(path: Path, which: str, grid: Grid | None) -> Mask:
    """Read segments as a mask on the file's own grid.

    Raises:
        SegadvError: if it can't be read, has pixels of no segment, or segments overlap.
    """
    header = read_header(path)
    found = nrrd.read_values(header)
    array = found.array.reshape(*found.grid.shape, -1)
    labels = [label_array(array[..., layer], str(path)) for layer in range(array.shape[-1])]
    known = _segments(_entries(header.keys), labels, path)
    wanted = chosen([each.segment for each in known], which, path, NOUN)
    canvas = Canvas(found.grid.shape, wanted, path, which)
    for each in known:
        if each.segment in wanted and each.layer < len(labels):
            canvas.paint(canvas.array, labels[each.layer] == each.value, each.segment)
    notes = list(found.notes)
    empty = canvas.empty()
    if empty and len(empty) < len(wanted):
        notes.append(f"{path}: holds no pixel of {listed(empty)}")
    return Mask(canvas.array, found.grid, class_names(wanted), path, which, tuple(notes))


def _segments(
    entries: Mapping[int, dict[str, str]], labels: list[Array], path: Path
) -> list[Layered]:
    """Return the segments: those of the header, or one for each value if it names none."""
    there = [
        (layer, int(value))
        for layer, array in enumerate(labels)
        for value in np.flatnonzero(np.bincount(array.ravel()))
        if value
    ]
    named = [_named(key, entries[key], path) for key in sorted(entries)]
    places = [(layer, value) for layer, value, _ in named] if named else there
    unnamed = sorted(set(there) - set(places))
    if unnamed:
        layer, value = unnamed[0]
        raise SegadvError(
            f"{path}: has pixels with the value {value} in layer {layer}, which no segment of its "
            "header has; save it again with 3D Slicer"
        )
    values = [value for _, value in places]
    distinct = len(set(values)) == len(values)
    names = [name for _, _, name in named] if named else [""] * len(places)
    found = [
        Layered(Segment(value if distinct else order, name), layer, value)
        for order, ((layer, value), name) in enumerate(zip(places, names, strict=True), start=1)
    ]
    check_numbers([each.segment for each in found], path, NOUN)
    return found


def _named(key: int, entries: dict[str, str], path: Path) -> tuple[int, int, str]:
    """Return layer, label value and name of a segment.

    Slicer before 4.11 wrote neither layer nor value: each segment had a layer of its own.
    """
    try:
        old = "LabelValue" not in entries
        layer = int(entries.get("Layer", key if old else 0))
        value = int(entries.get("LabelValue", 1))
    except ValueError:
        raise SegadvError(
            f"{path}: its segment {key} has an invalid layer or value; save it again with 3D Slicer"
        ) from None
    if layer < 0 or value < 1:
        raise SegadvError(
            f"{path}: its segment {key} has layer {layer} and value {value}, but layers begin at 0 "
            "and values at 1; save it again with 3D Slicer"
        )
    return layer, value, cleaned(entries.get("Name") or entries.get("ID", ""))


def _entries(keys: Mapping[str, str]) -> dict[int, dict[str, str]]:
    """Return the keys of a header that describe segments, by the segment's number in it."""
    found: dict[int, dict[str, str]] = {}
    for key, text in keys.items():
        parts = KEY.fullmatch(key)
        if parts is not None:
            found.setdefault(int(parts[1]), {})[parts[2]] = text.strip()
    return found


def write(stored: Array, grid: Grid, path: Path, scan: Scan) -> None:
    """Write a label map as a segmentation with one layer, whose classes are its segments."""
    write_image(stored, grid, path, meta=_header(stored, scan.meta))


def _header(stored: Array, meta: Any) -> dict[str, str]:
    classes = meta.get("classes", ())
    most = max(int(stored.max(initial=0)), len(classes) - 1)
    held = set(np.flatnonzero(np.bincount(stored.ravel())).tolist())
    numbers = [n for n in range(1, most + 1) if n in held or n < len(classes)]
    header = {
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }
    ends = " ".join(f"0 {size - 1}" for size in reversed(stored.shape))
    for order, number in enumerate(numbers):
        name = classes[number] if number < len(classes) else f"class {number}"
        segment = {
            "ID": f"Segment_{number}",
            "Name": cleaned(name),
            "NameAutoGenerated": "0",
            "LabelValue": str(number),
            "Layer": "0",
            "Extent": ends,
            "Color": " ".join(f"{part:.6f}" for part in colour(number)),
            "ColorAutoGenerated": "1",
            "Tags": "",
        }
        header |= {f"Segment{order}_{key}": text for key, text in segment.items()}
    return header
