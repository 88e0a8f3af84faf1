"""Values: from stored numbers to the units of the image, and how they can be stored again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from ...data.scan import HU_BELOW, Array, Storage
from .elements import first_text, items, number, numbers, text, whole
from .headers import Plane
from .kinds import is_ct
from .lookups import lookup_of
from .stored import NATIVE, Layout


@dataclass(frozen=True)
class Scaling:
    """How the stored numbers of an image become values.

    Attributes:
        dtype: of the values.
        storage: of the image; None: as the values have it.
        whole: whether values are whole numbers.
    """

    dtype: np.dtype[np.generic]
    storage: Storage | None
    whole: bool


def scaling_of(planes: Sequence[Plane], layout: Layout) -> Scaling:
    """Return the type that holds the values of all planes, and how they can be stored.

    With a slope of 1 the values are whole numbers that are stored as they are, also if the
    intercepts of slices differ. Another slope is kept, so that the step between two values that a
    file can hold is known. Slices with different slopes, as in PET, have no such step.
    """
    pairs = {(plane.slope, plane.intercept) for plane in planes}
    if layout.keyword != "PixelData":
        wide = layout.keyword.startswith("Double")
        return Scaling(np.dtype(np.float64 if wide else np.float32), None, False)
    if len(pairs) > 1:
        kinds = [_integer(layout, *pair) if pair[0] == 1 else None for pair in pairs]
        if None in kinds:
            return Scaling(np.dtype(np.float32), None, False)
        return Scaling(np.result_type(*(kind for kind in kinds if kind)), None, True)
    ((slope, intercept),) = pairs
    kind = _integer(layout, slope, intercept)
    if kind is None:
        stored = f"{'int' if layout.signed else 'uint'}{max(8, layout.allocated)}"
        return Scaling(np.dtype(np.float32), Storage(stored, slope, intercept), False)
    stored = f"{'int' if layout.signed else 'uint'}{max(8, layout.allocated)}"
    storage = None if slope == 1 else Storage(stored, slope, intercept)
    return Scaling(kind, storage, True)


def _integer(layout: Layout, slope: float, intercept: float) -> np.dtype[np.generic] | None:
    """Return the smallest integer type that holds all values that can occur; None if none does."""
    if not (slope.is_integer() and intercept.is_integer()):
        return None
    # Compressed numbers can have more bits than the header says.
    bits = layout.stored if layout.syntax in NATIVE else layout.allocated
    least = -(2 ** (bits - 1)) if layout.signed else 0
    most = 2 ** (bits - int(layout.signed)) - 1
    ends = sorted(slope * end + intercept for end in (least, most))
    plain = (slope, intercept) == (1.0, 0.0)
    own = f"{'int' if layout.signed else 'uint'}{max(8, layout.allocated)}"
    for name in ([own] if plain else []) + ["int16", "int32"]:
        limits = np.iinfo(name)
        if limits.min <= ends[0] and ends[1] <= limits.max:
            return np.dtype(name)
    return None


def values_of(frame: Array, plane: Plane, scaling: Scaling) -> Array:
    """Return the values of a slice's stored numbers."""
    if (plane.slope, plane.intercept) == (1.0, 0.0):
        return frame.astype(scaling.dtype)
    if scaling.whole:
        whole_numbers = frame.astype(np.int64) * int(plane.slope) + int(plane.intercept)
        return whole_numbers.astype(scaling.dtype)
    found: Array = frame.astype(np.float64) * plane.slope + plane.intercept
    return found.astype(scaling.dtype)


def narrowed(values: Array) -> Array:
    """Return 32-bit whole numbers as 16-bit ones if they fit, as those of nearly every CT do."""
    limits = np.iinfo(np.int16)
    if values.dtype != np.int32 or values.min() < limits.min or values.max() > limits.max:
        return values
    return values.astype(np.int16)


def through_lookup(frame: Array, ds: Dataset) -> Array:
    """Return the values that the Modality LUT of a header gives to stored numbers.

    Raises:
        ValueError: if the table is damaged.
    """
    signed = whole(ds, "PixelRepresentation") == 1
    (item, *_) = items(ds, "ModalityLUTSequence")
    found = lookup_of(item, signed, ds.original_encoding[1] is not False)
    if found is None:
        raise ValueError("its Modality LUT is damaged")
    return found.of(frame)


def coloured(frame: Array, ds: Dataset) -> Array:
    """Return the RGB values of a palette's numbers: bytes, if nothing is lost."""
    colours = np.asarray(apply_color_lut(frame, ds))[..., :3]
    if colours.dtype.itemsize == 2 and not (colours & 255).any():
        return (colours >> 8).astype(np.uint8)
    return colours


def units_of(
    described: Sequence[Dataset], planes: Sequence[Plane], least: float
) -> tuple[str, tuple[str, ...]]:
    """Return the units of values, and what the user has to know about them.

    Args:
        described: the data sets that describe the image, the closest first.
        planes: of the image.
        least: its lowest value.
    """
    ct = is_ct(described[-1])
    kind = first_text(described, "RescaleType") or first_text(described, "Units")
    if ct and kind in ("", "US", "HU"):
        stated = any("RescaleIntercept" in each for each in described) or kind == "HU"
        if stated or any(p.intercept for p in planes) or least < HU_BELOW:
            return "HU", ()
        return "grey level", ("The header does not say how its numbers become HU.",)
    if kind == "HU" and (ct or not text(described[-1], "Modality")):
        return "HU", ()
    known = ("", "US", "HU")
    return "grey level", () if kind in known else (f"The values are in {kind[:16]}.",)


def padding_of(ds: Dataset, plane: Plane) -> tuple[float, float] | None:
    """Return the range of values that mark pixels outside the image; None if there is none."""
    ends = numbers(ds, "PixelPaddingValue", 1)
    if not ends:
        return None
    ends = (ends[0], number(ds, "PixelPaddingRangeLimit", ends[0]))
    if whole(ds, "PixelRepresentation") == 1 and max(ends) >= 2**15:
        ends = tuple(end - 2**16 if end >= 2**15 else end for end in ends)
    low, high = sorted(plane.slope * end + plane.intercept for end in ends)
    return low, high
