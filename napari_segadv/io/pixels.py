"""Pixels: what a format read, before it becomes a Scan or a Mask."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.presentation import Presentation
from ..data.scan import Array, Grid, Storage
from .place import CHANNELS, number_of, only_one


@dataclass(frozen=True, eq=False)
class Pixels:
    """Numbers in real units on their grid.

    Attributes:
        array: (z, y, x) or (y, x) in real units (rescaled, HU for CT); if a pixel has several
            components, they come last.
        grid: where the pixels lie; its shape is that of the array without components.
        storage: how the file stores the numbers; None: as the array has them.
        units: "HU" or "grey level" if the format knows; None: the values decide.
        presentation: how the header says that the image is shown; None: it does not say.
        meta: facts worth keeping (`Scan.meta`), plain data.
        notes: what the user has to know, a sentence each.
        vectors: whether the components of a pixel are known to be no colour: a displacement, a
            gradient, several channels.
        alpha: how opaque each pixel is, if that was left out.
    """

    array: Array
    grid: Grid
    storage: Storage | None = None
    units: str | None = None
    presentation: Presentation | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    vectors: bool = False
    alpha: Array | None = None

    @property
    def components(self) -> int:
        """Values per pixel."""
        return 1 if self.array.ndim == self.grid.ndim else int(self.array.shape[-1])


def is_colour(dtype: np.dtype[Any], count: int) -> bool:
    """Return whether so many values of a pixel that a file calls a vector are taken for a colour.

    ITK and others write colours as vectors: three or four whole numbers that are not negative.
    """
    return count in (3, 4) and dtype.name in ("uint8", "uint16")


def component(found: Pixels, path: Path, which: str) -> Pixels:
    """Return an image of one of the values that a pixel has.

    Args:
        found: the image.
        path: the file, for messages.
        which: the number of the value, from 1; CHANNELS: all, which are no colour.

    Raises:
        SegadvError: if there is no such one.
    """
    if found.components == 1:
        only_one(path, which)
        return found
    if which == CHANNELS:
        return replace(found, vectors=True)
    number = number_of(which, found.components, path, "")
    return replace(found, array=np.ascontiguousarray(found.array[..., number]), vectors=False)


def without_alpha(found: Pixels, note: str = "Its alpha channel is left out.") -> Pixels:
    """Return an image without the last component of two or four, which says how opaque a pixel is.

    It says nothing about the patient.
    """
    if found.components not in (2, 4):
        return found
    array = found.array[..., 0] if found.components == 2 else found.array[..., :3]
    notes, alpha = (*found.notes, note), found.array[..., -1]
    return replace(found, array=np.ascontiguousarray(array), notes=notes, alpha=alpha)
