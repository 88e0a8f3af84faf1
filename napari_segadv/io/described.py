"""What the description in a TIFF file claims, as ImageJ, OME and tifffile write it.

Some programs write one page, and the other images of a stack behind it without pages of their own.
"""

import re
from dataclasses import dataclass, replace
from math import isfinite, prod
from typing import Any

import numpy as np

from ..data.scan import Array
from .pixels import Pixels

# MetaMorph's table of planes, which has an entry for each.
STK = 33629
RGB = 2
SLICES = (
    "Its three planes are read as colours, as its header says; if they are slices, write them with "
    'photometric="minisblack".'
)
# ImageJ's codes of a calibration: a straight line, and none.
LINE, UNCALIBRATED = 0, 20
# The fields of ImageJ that are read.
FIELDS = re.compile(r"^(images|channels|frames|cf|c0|c1|vunit)=(.{1,40})$", re.M)
TRUNCATED = '"truncated": true'
SHAPE = re.compile(r'^(?:\{"shape": \[|shape=\()([\d, ]{1,200})[\])]')


@dataclass(frozen=True)
class Claim:
    """What a description says.

    Attributes:
        program: that wrote it, for messages; "" if it says nothing.
        images: how many there are, each the size of the page; 0: it does not say.
        several: what it holds beside slices, such as channels; "" if nothing.
        behind: whether the program writes images behind the one page that it describes.
        line: intercept and slope from the stored numbers to values; None: they are the values.
        curved: whether values follow from the stored numbers by another function.
        notes: what the user has to know about it.
    """

    program: str = ""
    images: int = 0
    several: str = ""
    behind: bool = False
    line: tuple[float, float] | None = None
    curved: bool = False
    notes: tuple[str, ...] = ()


def claim_of(page: Any) -> Claim:
    """Return what the description of a page says."""
    text = page.description
    if text.startswith("ImageJ="):
        return _imagej(dict(FIELDS.findall(text)))
    if "<OME" in text[:4096] or "<ome:OME" in text[:4096]:
        return _ome(text)
    shape = SHAPE.match(text)
    if shape is not None:
        sizes = [int(word) for word in shape[1].split(",") if word.strip()]
        return _tifffile(sizes, page, text)
    table = page.tags.get(STK)
    return Claim("MetaMorph", int(table.count)) if table is not None else Claim()


def _imagej(fields: dict[str, str]) -> Claim:
    counts = {"channels": _whole(fields, "channels"), "points in time": _whole(fields, "frames")}
    line, kind = None, _whole(fields, "cf", UNCALIBRATED)
    if kind == LINE:
        try:
            line = float(fields.get("c0", "")), float(fields.get("c1", ""))
        except ValueError:
            line = None
        if line is not None and (line == (0.0, 1.0) or not all(map(isfinite, line)) or not line[1]):
            line = None
    curved = kind not in (LINE, UNCALIBRATED)
    return Claim("ImageJ", _whole(fields, "images"), _listed(counts), True, line, curved)


def _whole(fields: dict[str, str], name: str, default: int = 1) -> int:
    found = fields.get(name, "").strip()
    return int(found) if re.fullmatch(r"\d{1,9}", found) else default


def _ome(text: str) -> Claim:
    """Return what OME's XML says, which may stand for several files."""
    parts = re.split(r"<(?:\w+:)?Pixels\b", text)[1:]
    planes, counts = 0, {"images": len(parts), "channels": 1, "points in time": 1}
    for part in parts:
        sizes = {axis: int(n) for axis, n in re.findall(r'\bSize([ZCT])="(\d{1,9})"', part)[:3]}
        samples = re.search(r'\bSamplesPerPixel="(\d{1,9})"', part)
        channels = sizes.get("C", 1) // max(1, int(samples[1]) if samples else 1)
        planes += sizes.get("Z", 1) * max(1, channels) * sizes.get("T", 1)
        counts["channels"] = max(counts["channels"], channels)
        counts["points in time"] = max(counts["points in time"], sizes.get("T", 1))
    return Claim("OME", planes, _listed(counts))


def _tifffile(sizes: list[int], page: Any, text: str) -> Claim:
    numbers = prod(int(n) for n in (page.imagelength, page.imagewidth, page.samplesperpixel))
    numbers *= int(page.imagedepth)
    images = prod(sizes) // numbers if numbers and prod(sizes) % numbers == 0 else 0
    long = [n for n in sizes if n > 1]
    # Unasked, tifffile takes an axis of 3 for colours. Before the rows it is rather one of slices.
    # Descriptions of before 2014 are no JSON: those files are read as their headers say.
    dimensions = len(long) - (long[-1:] in ([3], [4])) if text.startswith("{") else 0
    counts = {"volumes": long[0] if dimensions > 3 else 1}
    apart = int(page.planarconfig) == 2 and int(page.photometric) == RGB
    return Claim(
        "tifffile", images, _listed(counts), TRUNCATED in text, notes=(SLICES,) if apart else ()
    )


def _listed(counts: dict[str, int]) -> str:
    return " and ".join(f"{n} {what}" for what, n in counts.items() if n > 1)


def calibrated(found: Pixels, claim: Claim, mask: bool, inverted: bool) -> Pixels:
    """Return values as ImageJ shows them, for numbers that it has stored.

    It stores signed 16-bit numbers with 32768 added. Class numbers are moved back so, but not
    scaled.

    Args:
        found: grey or class numbers as stored; anything else is returned as it is.
        claim: of the description.
        mask: whether they are class numbers.
        inverted: whether they have been inverted, since white is 0 in the file.
    """
    array = found.array
    if found.components > 1 or array.dtype.kind != "u" or not (claim.line or claim.curved):
        return found
    intercept, slope = claim.line or (0.0, 1.0)
    whole = slope == 1 and intercept.is_integer()
    if claim.curved or inverted or (mask and not whole):
        note = "Its header names a calibration of its values by ImageJ, which is left out."
        return replace(found, notes=(*found.notes, note))
    moved = _moved(array, int(intercept)) if whole else None
    if moved is None:
        kind = np.float32 if array.dtype.itemsize < 4 else np.float64
        moved = (array.astype(np.float64) * slope + intercept).astype(kind)
    formula = f"{slope:g} x {intercept:+g}" if slope != 1 else f"x {intercept:+g}"
    note = (
        f"Its values are those that ImageJ shows ({formula}, x being the stored number); they are "
        "saved so, without this calibration."
    )
    return replace(found, array=moved, notes=(*found.notes, note))


def _moved(array: Array, by: int) -> Array | None:
    """Return whole numbers with another added, in a type that holds all; None if there is none."""
    ends = [by, int(np.iinfo(array.dtype).max) + by]
    for kind in (np.uint8, np.int16, np.uint16, np.int32, np.uint32):
        info = np.iinfo(kind)
        if info.min <= ends[0] and ends[1] <= info.max:
            return np.asarray(array.astype(np.int64) + by, kind)
    return None
