"""Scan and Mask: an image and a label map as read, each with its grid, which is re-exported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..common.wording import class_name
from ..errors import SegadvError
from .grid import Grid as Grid
from .labels import Labels, label_array
from .presentation import Presentation

Array = npt.NDArray[Any]

HU_AIR = -1024.0
HU_NOMINAL_MAX = 3071.0
# A CT holds air; no other modality goes far below zero.
HU_BELOW = -150.0
SOFT_TISSUE = (-160.0, 240.0)
# The units of budgets and figures of an image whose channels have units and windows of their own.
SHARES = "% of window"


@dataclass(frozen=True)
class Storage:
    """How a file stores intensities: value = slope * stored + intercept."""

    dtype: str
    slope: float = 1.0
    intercept: float = 0.0

    @property
    def integer(self) -> bool:
        return np.dtype(self.dtype).kind in "iu"

    @property
    def quantum(self) -> float:
        """Distance between two neighbouring values in the image's units; 0 for floating point."""
        return abs(self.slope) if self.integer else 0.0

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest value in the image's units that the type can hold."""
        dtype = np.dtype(self.dtype)
        info = np.iinfo(dtype) if self.integer else np.finfo(dtype)
        ends = (float(info.min), float(info.max))
        if not self.integer:
            return ends
        low, high = sorted(self.slope * end + self.intercept for end in ends)
        return low, high

    def encode(self, values: Array) -> Array:
        """Return the numbers to store for values in the image's units.

        Raises:
            ValueError: if the type can't hold one of them.
        """
        if (self.slope, self.intercept) != (1.0, 0.0):
            values = (values.astype(np.float64) - self.intercept) / self.slope
        if self.integer and values.dtype.kind not in "iu":
            values = np.rint(values)
        if values.dtype == self.dtype:
            return values
        if self.integer:
            limits = np.iinfo(self.dtype)
            # As Python's numbers, which compare whole numbers and floats exactly.
            for end in (values.min().item(), values.max().item()) if values.size else ():
                if not limits.min <= end <= limits.max:
                    raise ValueError(f"{end:g} can't be stored as {self.dtype}")
            return values.astype(self.dtype)
        with np.errstate(over="ignore"):
            stored: Array = values.astype(self.dtype)
        if np.isinf(stored).sum() > np.isinf(values).sum():
            raise ValueError(f"its largest values can't be stored as {self.dtype}")
        return stored

    def decode(self, stored: Array) -> npt.NDArray[np.float64]:
        """Return the values in the image's units that stored numbers mean."""
        return stored.astype(np.float64) * self.slope + self.intercept


@dataclass(frozen=True, eq=False)
class Scan:
    """An image as read.

    Attributes:
        array: intensities (z, y, x) or (y, x), colour (RGB) last, in `units`; read-only.
        grid: where its pixels lie.
        units: "HU" for CT, "grey level" otherwise. Of several channels, SHARES: budgets and figures
            count in percent of each channel's window.
        storage: how its file stores intensities.
        colour: True if the last axis holds RGB.
        path: the file or folder it came from.
        meta: other facts from the file (modality, DICOM window, series, format), or a title.
        presentation: how its file says that it is shown; None: it does not say.
        notes: what reading it has found that the user has to know, a sentence each.
        parts: the images of one channel of which an image of several channels consists, in order,
            for example MRI sequences: all on one grid, each with units, storage and file of its
            own. The array then holds their values, each in the units of its part, along its last
            axis. See `of_parts`.

    Examples:
        >>> import numpy as np
        >>> from napari_segadv import Scan
        >>> volume = np.full((4, 20, 30), -1000, np.int16)
        >>> volume[:, 5:15, 10:20] = 40
        >>> scan = Scan.from_array(volume, spacing=(3.0, 0.8, 0.8), units="HU")
        >>> scan.grid.shape, scan.grid.spacing, scan.storage.dtype
        ((4, 20, 30), (3.0, 0.8, 0.8), 'int16')
        >>> scan.bounds
        (-1024.0, 3071.0)
    """

    array: Array
    grid: Grid
    units: str
    storage: Storage
    colour: bool = False
    path: Path | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    presentation: Presentation | None = None
    notes: tuple[str, ...] = ()
    parts: tuple["Scan", ...] = ()

    def __post_init__(self) -> None:
        expected = self.grid.shape + ((self.channels,) if self.multichannel else ())
        if self.array.shape != expected:
            raise ValueError(f"array of shape {self.array.shape} on a grid of {expected}")
        view = self.array.view()
        view.setflags(write=False)
        object.__setattr__(self, "array", view)

    def same_as(self, other: "Scan") -> bool:
        """Return whether both have the same values, places, units and storage."""
        if self is other:
            return True
        facts = [(s.units, s.storage, s.colour, len(s.parts)) for s in (self, other)]
        alike = facts[0] == facts[1] and self.grid.same_as(other.grid)
        if alike and self.parts:
            return all(a.same_as(b) for a, b in zip(self.parts, other.parts, strict=True))
        return alike and np.array_equal(self.array, other.array)

    @classmethod
    def from_array(
        cls,
        array: npt.ArrayLike,
        spacing: tuple[float, ...] | None = None,
        units: str = "grey level",
        colour: bool = False,
    ) -> "Scan":
        """Make a Scan from a plain array, which is copied.

        Args:
            array: (z, y, x) or (y, x), with RGB last if `colour`.
            spacing: mm in array order; None for an image without geometry.
            units: "HU" or "grey level".
            colour: whether the last axis holds RGB.

        Raises:
            SegadvError: if the array is not a 2-D or 3-D image.
        """
        values = np.array(array)
        shape = values.shape[:-1] if colour else values.shape
        if len(shape) not in (2, 3) or values.dtype.kind not in "iuf":
            raise SegadvError(
                f"an array of shape {values.shape} and type {values.dtype} is not a 2-D or 3-D "
                "image; give numbers in the order (z, y, x) or (y, x), RGB last"
            )
        if values.dtype.kind == "f" and values.dtype.itemsize not in (4, 8):
            values = values.astype(np.float32)
        grid = Grid.pixels(shape)
        if spacing is not None:
            grid = replace(grid, spacing=tuple(float(s) for s in spacing), physical=True)
        return cls(values, grid, units, Storage(str(values.dtype)), colour)

    @classmethod
    def of_parts(cls, parts: Sequence["Scan"]) -> "Scan":
        """Make an image of several channels from images of one channel; of one, it is that one.

        Args:
            parts: in the order in which the victim expects them.

        Raises:
            SegadvError: if there are none, one has several channels or colours, they do not lie on
                one grid, or no numbers hold the values of all.

        Examples:
            >>> import numpy as np
            >>> from napari_segadv import Scan
            >>> flair = Scan.from_array(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
            >>> t1 = Scan.from_array(np.full((2, 3, 4), 0.5, np.float32))
            >>> both = Scan.of_parts([flair, t1])
            >>> both.array.shape, both.channels, both.units
            ((2, 3, 4, 2), 2, '% of window')
        """
        if not parts:
            raise SegadvError("an image needs at least one channel; give an image")
        first = parts[0]
        if len(parts) == 1:
            return first
        for part in parts:
            if part.multichannel:
                kind = "in colour" if part.colour else "of several channels"
                raise SegadvError(
                    f"{part.name}: is {kind}, so it can't be one channel among others; give an "
                    "image with one value per pixel"
                )
            _check_place(part, first)
        array = np.stack(_of_one_type(parts), axis=-1)
        names = list(dict.fromkeys(part.name for part in parts))
        title = " + ".join(names)
        notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
        storage, meta = Storage(str(array.dtype)), {"title": title}
        return cls(array, first.grid, SHARES, storage, meta=meta, notes=notes, parts=tuple(parts))

    @property
    def multichannel(self) -> bool:
        """True if a pixel has several values, along the array's last axis: colours or channels."""
        return self.colour or bool(self.parts)

    @property
    def channels(self) -> int:
        """How many values a pixel has."""
        return 3 if self.colour else len(self.parts) or 1

    @property
    def singles(self) -> tuple["Scan", ...]:
        """The parts of an image of several channels; of any other image, itself."""
        return self.parts or (self,)

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The names of several channels, by their files; 1, 2, ... if these are alike."""
        names = tuple(part.name.partition(".")[0] for part in self.parts)
        if len(set(names)) == len(names):
            return names
        return tuple(str(number) for number in range(1, len(names) + 1))

    @property
    def negative(self) -> bool:
        """Whether its file says that low intensities are shown white, as on an inverted film."""
        return self.presentation is not None and self.presentation.falls

    @property
    def name(self) -> str:
        """The scan's name in messages and in the layer list."""
        return self.path.name if self.path is not None else str(self.meta.get("title", "image"))

    def derived_from(self, clean: "Scan") -> "Scan":
        """Return the same image as one that has no files of its own, but the source's as template.

        Its facts are those of the file that it was read from, except which files that were, and
        that it has the source's grid and units.
        """
        if self.parts:
            pairs = zip(self.parts, clean.parts, strict=True)
            return replace(
                Scan.of_parts([part.derived_from(source) for part, source in pairs]),
                grid=clean.grid,
            )
        meta = {key: value for key, value in self.meta.items() if key not in ("files", "place")}
        if "files" in clean.meta:
            meta["source_files"] = clean.meta["files"]
        return replace(self, path=None, meta=meta, grid=clean.grid, units=clean.units)

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """The range of intensities that the image may have, in its units.

        Bytes go from 0 to 255 and HU from air to the nominal maximum of a scanner; other images
        keep to their own lowest and highest value. Pixels that already lie outside may stay.
        """
        least, most = self.storage.limits
        if self.storage.dtype == "uint8":
            return least, most
        if self.units == "HU":
            return max(HU_AIR, least), min(HU_NOMINAL_MAX, most)
        return float(self.array.min()), float(self.array.max())

    @cached_property
    def shown(self) -> Presentation:
        """How the image is shown: as its file says, else as is usual for images of its kind.

        HU are shown in a soft tissue window, bytes and colours whole; of other images half a
        percent of the pixels is cut at each end.
        """
        if self.presentation is not None:
            return self.presentation
        if self.units == "HU":
            return Presentation.between(*SOFT_TISSUE, "soft tissue window")
        kind = np.dtype(self.storage.dtype)
        if kind == np.uint8 or (self.colour and kind.kind == "u"):
            whole = f"full range of {8 * kind.itemsize} bits"
            return Presentation.between(*self.storage.limits, whole)
        return Presentation.percentiles(self.array)


@dataclass(frozen=True, eq=False)
class Mask:
    """A label map: class numbers on a grid.

    Attributes:
        array: whole numbers from 0 to 65535, (z, y, x) or (y, x), as uint8 or uint16.
        grid: where its pixels lie.
        classes: names of the numbers, background first; empty if they have none.
        path: the file that it came from.
        which: what was chosen from that file, for example segments; "" for all of it.
        notes: what reading it has found that the user has to know, a sentence each.
        made: the target shapes that made it from another label map, with their parameters.

    Raises:
        SegadvError: if the array holds other values (see `labels.label_array`).
    """

    array: Labels
    grid: Grid
    classes: tuple[str, ...] = ()
    path: Path | None = None
    which: str = ""
    notes: tuple[str, ...] = ()
    made: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if self.array.shape != self.grid.shape:
            raise ValueError(f"mask of shape {self.array.shape} on a grid of {self.grid.shape}")
        name = "the mask" if self.path is None else str(self.path)
        object.__setattr__(self, "array", label_array(self.array, name))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = np.asarray(self.array, dtype=dtype)
        return array.copy() if copy else array

    def named(self, classes: tuple[str, ...]) -> Self:
        """Return the same labels with names for their classes."""
        return replace(self, classes=classes)

    def with_array(self, array: Array) -> Self:
        """Return other labels on the same grid and with the same classes, but without a path."""
        cleared: dict[str, Any] = {"path": None, "which": "", "notes": (), "made": ()}
        return replace(self, array=np.asarray(array), **cleared)

    def class_name(self, label: int) -> str:
        return class_name(label, self.classes)


def _check_place(part: Scan, first: Scan) -> None:
    """Refuse a channel that does not lie where the first one does."""
    own, other = part.grid.subject, first.grid.subject
    if own is not None and other is not None and own.of_another(other):
        raise SegadvError(
            f"{part.name}: is of another patient than {first.name} (another PatientID); give the "
            "channels of one patient, or save an anonymised copy as .nii.gz"
        )
    if part.grid.physical == first.grid.physical and part.grid.same_as(first.grid):
        return
    sizes = [" x ".join(map(str, scan.grid.shape)) for scan in (part, first)]
    how = f"{sizes[0]} pixels instead of {sizes[1]}" if sizes[0] != sizes[1] else "another place"
    raise SegadvError(
        f"{part.name}: lies on another grid than {first.name} ({how}); resample the channels to "
        "one grid first"
    )


def _of_one_type(parts: Sequence[Scan]) -> list[Array]:
    """Return the arrays of several images in one type that holds the values of all exactly."""
    kind = np.result_type(*(part.array.dtype for part in parts))
    found = []
    for part in parts:
        array = part.array.astype(kind)
        if not np.array_equal(array.astype(part.array.dtype), part.array):
            raise SegadvError(
                f"{part.name}: its values as {part.array.dtype} can't be held by {kind} together "
                "with the other channels; save it with a smaller type"
            )
        found.append(array)
    return found


def one_component(values: npt.NDArray[np.float32], several: bool) -> npt.NDArray[np.float32]:
    """Return one signed value per pixel: of several along the last axis, that furthest from 0."""
    if not several:
        return values
    place = np.abs(values).argmax(axis=-1)[..., None]
    return np.take_along_axis(values, place, axis=-1)[..., 0]
