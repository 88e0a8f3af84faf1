"""Lookup tables of headers: Modality LUT and VOI LUT.

pydicom applies them too, but indexes a table of 8-bit entries with 8 bits, so that higher values
wrap around without a word, and takes no Modality LUT of 10 or 12 bits.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from ...data.scan import Array
from .elements import numbers, value


@dataclass(frozen=True)
class Lookup:
    """A table: the input that its first entry is for, and the entries.

    Inputs below and above the table take its first and last entry.

    Examples:
        >>> Lookup(-1, np.array([5, 7, 9])).of(np.array([-3, -1, 0, 8])).tolist()
        [5, 5, 7, 9]
    """

    first: int
    entries: npt.NDArray[np.integer]

    def of(self, inputs: Array) -> Array:
        """Return the entries of whole numbers."""
        places = np.clip(inputs.astype(np.int64) - self.first, 0, len(self.entries) - 1)
        return self.entries[places]


def lookup_of(item: Dataset, signed: bool, little: bool = True) -> Lookup | None:
    """Return the table in an item of a sequence; None if it is damaged.

    Args:
        item: with LUT Descriptor and LUT Data.
        signed: whether inputs can be negative.
        little: whether bytes are in little-endian order.
    """
    descriptor = numbers(item, "LUTDescriptor", 3)
    if not descriptor:
        return None
    count, first = int(descriptor[0]) % 65536 or 65536, int(descriptor[1])
    if signed and first >= 32768:
        first -= 65536
    held = value(item, "LUTData")
    if isinstance(held, bytes):
        wide = len(held) >= 2 * count
        entries = np.frombuffer(held, ("<u2" if little else ">u2") if wide else "u1")
    else:
        entries = np.asarray(held if held is not None else [])
        if entries.dtype.kind not in "iu" or entries.ndim != 1:
            return None
        if len(entries) < count <= 2 * len(entries):
            # Entries of 8 bits, two in a word.
            entries = entries.astype("<u2").view("u1")
    if not 2 <= count <= len(entries):
        return None
    return Lookup(first, entries[:count].astype(np.int64))
