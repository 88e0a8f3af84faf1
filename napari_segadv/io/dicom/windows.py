"""Windows: how a header says that its image is shown."""

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset

from ...data.presentation import Presentation, lut_points
from ...data.scan import Array
from .elements import items, number, numbers, text, whole
from .lookups import lookup_of

# Points of a curve: a line between two of them is off by less than one of 4096 grey levels.
POINTS = 257
# The formula of the linear function is made for whole numbers: it takes 1 off the width. With
# fractions, a window narrower than this is meant exactly, unless its header names the function.
NARROW = 10
# Sigmoid windows end where they are within a thousandth of black and white.
SIGMOID_REACH = 1.75


def presentation_of(
    described: Sequence[Dataset], array: Array, padding: tuple[float, float] | None
) -> tuple[Presentation | None, tuple[str, ...]]:
    """Return how a grey image is shown, None if its header does not say, and notes on it.

    A VOI LUT goes before a window, and the first of several windows counts. MONOCHROME1, and a
    Presentation LUT Shape INVERSE, exchange black and white.

    Args:
        described: the data sets that describe the image, the closest first.
        array: its values.
        padding: the range of values outside the image, which count for nothing.
    """
    ds = described[-1]
    negative = text(ds, "PhotometricInterpretation").upper() == "MONOCHROME1"
    negative = negative or text(ds, "PresentationLUTShape").upper() == "INVERSE"
    for each in described:
        found, notes = _of_header(each, described, array)
        if found is not None:
            return (found.inverted if negative else found), notes
    return (_negative(array, padding) if negative else None), ()


def _of_header(
    one: Dataset, described: Sequence[Dataset], array: Array
) -> tuple[Presentation | None, tuple[str, ...]]:
    """Return what one data set says: its VOI LUT, else its first window; and notes on it."""
    for item in items(one, "VOILUTSequence")[:1]:
        points = _lookup(item, described)
        if points is not None:
            return Presentation(*points, "VOI LUT of the header"), ()
    centres, widths = numbers(one, "WindowCenter"), numbers(one, "WindowWidth")
    if not centres or not widths or widths[0] <= 0:
        return None, ()
    centre, width, function = centres[0], widths[0], text(one, "VOILUTFunction").upper()
    if not _is_exact(width, function, array):
        return window(centre, width, function), ()
    note = (
        f"Its window (width {width:g}) is too narrow for the linear formula of DICOM, which is for "
        "whole numbers: it is taken exactly."
    )
    return window(centre, width, "LINEAR_EXACT"), (note,)


def _is_exact(width: float, function: str, array: Array) -> bool:
    """Whether a linear window is meant exactly: by its formula it would be a step, or invalid."""
    if function not in ("", "LINEAR"):
        return False
    narrow = width < NARROW if not function else width <= 1
    return width < 1 or (narrow and _has_fractions(array))


def _has_fractions(array: Array) -> bool:
    if array.dtype.kind != "f":
        return False
    return any(bool((plane != np.rint(plane)).any()) for plane in array)


def window(centre: float, width: float, function: str) -> Presentation:
    """Return a window by the formulas of DICOM, PS3.3 C.11.2.1.2 and C.11.2.1.3.

    Examples:
        >>> window(40, 400, "").limits, window(40, 400, "LINEAR_EXACT").limits
        ((-160.0, 239.0), (-160.0, 240.0))
        >>> round(float(window(40, 400, "SIGMOID")(140.0)), 3)
        0.731
    """
    source = "window of the header"
    if function == "SIGMOID":
        reach = SIGMOID_REACH * width
        points = centre + np.linspace(-reach, reach, POINTS)
        shown = 1 / (1 + np.exp(-4 * (points - centre) / width))
        return Presentation(tuple(points.tolist()), tuple(shown.tolist()), source)
    if function == "LINEAR_EXACT":
        return Presentation.window(centre, width, source)
    # A window of width 1 is a threshold between two whole numbers.
    half = max(width - 1, 1e-3) / 2
    return Presentation.between(centre - 0.5 - half, centre - 0.5 + half, source)


def _lookup(
    item: Dataset, described: Sequence[Dataset]
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return the points of a VOI LUT, None if it is damaged."""
    ds = described[-1]
    lowest = min(number(each, "RescaleIntercept", 0) for each in described)
    signed = whole(ds, "PixelRepresentation") == 1 or lowest < 0
    found = lookup_of(item, signed, ds.original_encoding[1] is not False)
    if found is None or found.entries.min() == found.entries.max():
        return None
    return lut_points(found.first, found.entries.tolist())


def _negative(array: Array, padding: tuple[float, float] | None) -> Presentation | None:
    """Return how an inverted image without a window is shown: bytes whole, others cut."""
    inside = array
    if padding is not None:
        kept = array[(array < padding[0]) | (array > padding[1])]
        inside = kept if kept.size else array
    if inside.min() == inside.max():
        return None
    if array.dtype == np.uint8:
        return Presentation.between(0, 255, "full range of 8 bits, inverted").inverted
    return Presentation.percentiles(inside, "0.5th to 99.5th percentile, inverted").inverted
