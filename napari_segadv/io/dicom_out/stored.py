"""Stored numbers of a derived image: whole steps from the clean ones, as the file can hold them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from ...data.scan import Array
from ...errors import SegadvError
from .sources import unfit


@dataclass(frozen=True)
class Layout:
    """How a file stores a pixel.

    Attributes:
        bits: that count, of those that a pixel takes.
        dtype: of the stored numbers.
        photometric: of the derived image: colours become RGB.
        padding: the stored numbers, lowest and highest, that mean "outside the field of view".
    """

    bits: int
    dtype: "np.dtype[Any]"
    photometric: str
    padding: tuple[int, int] | None

    @property
    def limits(self) -> tuple[int, int]:
        """The lowest and the highest stored number."""
        if self.dtype.kind == "i":
            return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        return 0, (1 << self.bits) - 1


def layout_of(dataset: Dataset, colours: Array | None, path: Path) -> Layout:
    """Return the layout of the pixels that are written.

    Args:
        dataset: of the source.
        colours: of the image, if it is in colour.
        path: of the source, for messages.

    Raises:
        SegadvError: if they can't be written.
    """
    reason = unfit(dataset, colours)
    if reason:
        raise SegadvError(f"{path}: can't be written as DICOM: {reason}; save it as NIfTI")
    if colours is not None:
        return Layout(colours.dtype.itemsize * 8, colours.dtype, "RGB", None)
    signed = bool(dataset.get("PixelRepresentation"))
    dtype = np.dtype(f"{'i' if signed else 'u'}{1 if int(dataset.BitsAllocated) <= 8 else 2}")
    photometric = str(dataset.get("PhotometricInterpretation") or "MONOCHROME2")
    return Layout(int(dataset.BitsStored), dtype, photometric, _padding(dataset))


def _padding(dataset: Dataset) -> tuple[int, int] | None:
    found = dataset.get("PixelPaddingValue")
    if found is None:
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    ends = (int(found), int(found if limit is None else limit))
    return min(ends), max(ends)


@dataclass(frozen=True)
class Stored:
    """Stored numbers of a slice, and how many pixels differ from what was asked for.

    Attributes:
        array: the numbers.
        before: the numbers of the clean slice.
        bits: that count; more than the header says only if the source has more as well.
        rounded: pixels that are no whole step from the clean ones: rounded towards those.
        clipped: pixels beyond what the file can hold.
        padded: pixels that are padding and stay it, or would have become it.
    """

    array: Array
    bits: int
    before: Array
    rounded: int = 0
    clipped: int = 0
    padded: int = 0


def stored_of(
    values: Array, clean: Array, scaling: tuple[float, float], layout: Layout, path: Path
) -> Stored:
    """Turn a slice's values into stored numbers, each between the clean one and the one asked for.

    So the distance to the clean image never grows, by no norm.

    Args:
        values: of the derived image, in its units.
        clean: of the source.
        scaling: slope and intercept of the source.
        layout: of the source.
        path: of the source, for messages.

    Raises:
        SegadvError: if the clean values are not those of the file.
    """
    slope, intercept = scaling
    exact = (clean.astype(np.float64) - intercept) / slope
    before = np.rint(exact)
    # float32 holds large numbers with an error.
    error = 1e-3 + 4 * float(np.finfo(np.float32).eps) * float(np.abs(clean).max()) / abs(slope)
    if error > 0.25 or np.abs(exact - before).max() > error:
        raise SegadvError(
            f"{path}: its stored numbers are not those of the image (slope {slope:g}, intercept "
            f"{intercept:g}); read the image again, or save it as NIfTI"
        )
    bits = layout.bits
    low, high = layout.limits
    if before.min() < low or before.max() > high:
        bits = layout.dtype.itemsize * 8
        low, high = Layout(bits, layout.dtype, layout.photometric, None).limits
    steps = (values.astype(np.float64) - clean.astype(np.float64)) / slope
    whole = np.rint(steps)
    broken = np.abs(steps - whole) > 2 * error
    wanted = before + np.where(broken, np.trunc(steps), whole)
    padding = np.zeros(before.shape, bool)
    if layout.padding is not None:
        padding = (before >= layout.padding[0]) & (before <= layout.padding[1])
    padded = int((padding & (wanted != before)).sum())
    wanted[padding] = before[padding]
    after = np.clip(wanted, low, high)
    clipped = int((after != wanted).sum())
    if layout.padding is not None:
        padded += _leave_padding(before, after, padding, layout.padding)
    numbers = after.astype(layout.dtype), bits, before.astype(layout.dtype)
    return Stored(*numbers, int(broken.sum()), clipped, padded)


def _leave_padding(before: Array, after: Array, padding: Array, ends: tuple[int, int]) -> int:
    """Move pixels that would become padding beside it; return how many."""
    low, high = ends
    becomes = (after >= low) & (after <= high) & ~padding
    after[becomes] = np.where(before < low, low - 1, high + 1)[becomes]
    return int(becomes.sum())
