"""Pairs of image and mask for training, read from a CSV, and the classes that their labels make."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import io
from ..common.wording import class_name
from ..data.scan import Array, Mask, Scan
from ..errors import SegadvError
from .masks import held

# Columns of the further channels of an image.
FURTHER = re.compile(r"image_\d+")
# If the masks hold more labels than this, the user has to choose some.
MAX_LABELS = 32


@dataclass(frozen=True, eq=False)
class Case:
    """An image and its mask on the same grid."""

    scan: Scan
    mask: Mask


@dataclass(frozen=True)
class ClassMap:
    """Which labels of the masks make up which class.

    Attributes:
        names: class names, background first.
        labels: the labels of each class except background.
    """

    names: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]

    @classmethod
    def parse(cls, text: str) -> "ClassMap":
        """Parse a text such as `liver=5,spleen=1,kidneys=2+3`.

        Raises:
            SegadvError: if the text does not have that form.
        """
        names, labels = ["background"], []
        try:
            for part in text.split(","):
                name, numbers = part.split("=")
                names.append(name.strip())
                labels.append(tuple(int(n) for n in numbers.split("+")))
        except ValueError:
            raise SegadvError(
                f"classes {text}: not of the form name=label,...; write for example "
                "liver=5,kidneys=2+3, with + between the labels of one class"
            ) from None
        if len(set(names)) < len(names) or "" in names or any(min(each) < 1 for each in labels):
            raise SegadvError(
                f"classes {text}: a name is empty, background or used twice, or a label is below "
                "1; give each class its own name and labels from 1"
            )
        return cls(tuple(names), tuple(labels))

    @classmethod
    def found_in(cls, masks: Sequence[Mask]) -> "ClassMap":
        """Make one class of each label that occurs.

        Raises:
            SegadvError: if no label or too many labels occur, or see `names_of`.
        """
        found = sorted({n for mask in masks for n in held(mask.array)} - {0})
        if not found:
            raise SegadvError("the masks hold no label; label the structures in them")
        if len(found) > MAX_LABELS:
            raise SegadvError(
                f"the masks hold {len(found)} labels, more than {MAX_LABELS}; choose some with "
                "--classes"
            )
        names = names_of(masks)
        classes = (names.get(n, f"label {n}") for n in found)
        return cls(("background", *classes), tuple((n,) for n in found))

    def __call__(self, array: Array) -> Array:
        """Turn labels into class numbers."""
        out = np.zeros(array.shape, np.uint8)
        for number, labels in enumerate(self.labels, start=1):
            out[np.isin(array, labels)] = number
        return out


def names_of(masks: Sequence[Mask]) -> dict[int, str]:
    """Return the name of each label that has one in a mask that holds it.

    Raises:
        SegadvError: if two masks name a label differently, or name two labels alike: then the
            labels do not say which structure is meant.
    """
    named: dict[int | str, tuple[int, str, Mask]] = {}
    for mask in masks:
        for number in held(mask.array):
            name = mask.class_name(number)
            if not number or name == class_name(number):
                continue
            for key in (number, name.casefold()):
                other, known, first = named.setdefault(key, (number, name, mask))
                alike = (other, known.casefold()) == (number, name.casefold())
                if not alike and first is not mask:
                    raise SegadvError(
                        f"{mask.path or 'a mask'}: calls the label {number} {name}, but label "
                        f"{other} is {known} in {first.path or 'another'}; give each structure "
                        "the same label in all masks"
                    )
    return {key: name for key, (_, name, _) in named.items() if isinstance(key, int)}


def read_cases(path: Path) -> list[Case]:
    """Read the cases of a CSV with columns `image` and `mask`; paths are relative to the CSV.

    Further channels of an image are in the columns `image_2`, `image_3`, ...; or one path stands
    for all, see `io.read`.

    Raises:
        SegadvError: if the CSV or a file in it is invalid, or the images are of different kinds.
    """
    cases = []
    for row in _rows(path, ("image", "mask")):
        scan = _image(path, row)
        cases.append(Case(scan, io.read_mask(path.parent / row["mask"], scan.grid)))
    check_alike([case.scan for case in cases])
    return cases


def read_images(path: Path) -> list[Scan]:
    """Read the images of such a CSV, which needs no masks.

    Raises:
        SegadvError: as `read_cases`.
    """
    scans = [_image(path, row) for row in _rows(path, ("image",))]
    check_alike(scans)
    return scans


def _image(table: Path, row: Mapping[str, str]) -> Scan:
    """Read the image of a line of a CSV, of one channel or several."""
    named = [name for name in row if name is not None and FURTHER.fullmatch(name)]
    return io.read([table.parent / row[name] for name in ("image", *named)])


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Read the lines of a CSV, each of which must have a value in every one of `columns`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SegadvError(f"{path}: can't be read as CSV ({error}); check the file") from None
    further = [name for name in rows[0] if name and FURTHER.fullmatch(name)] if rows else []
    wanted = [f"image_{number}" for number in range(2, len(further) + 2)]
    if further != wanted:
        raise SegadvError(
            f"{path}: has the columns {', '.join(further)}; name the further channels of an image "
            f"{', '.join(wanted)}, in this order"
        )
    columns = (*columns, *further)
    if not rows or not set(columns) <= set(rows[0]):
        heading = ",".join(columns)
        raise SegadvError(
            f"{path}: needs a first line `{heading}` and at least one case below it; add what is "
            "missing"
        )
    for number, row in enumerate(rows, start=2):
        if not all(row[name] for name in columns):
            missing = " or ".join(f"no {name}" for name in columns)
            raise SegadvError(f"{path}: line {number} names {missing}; complete it")
    return rows


def check_alike(scans: Sequence[Scan]) -> None:
    """Refuse images of different kinds, which one network can't take.

    Raises:
        SegadvError: if they differ, naming the first that does.
    """
    first = scans[0]
    for scan in scans:
        if _kind(scan) != _kind(first):
            raise SegadvError(
                f"{scan.name}: differs from {first.name} in its channels, dimensions or units; "
                "train on images of one kind"
            )


def _kind(scan: Scan) -> tuple[object, ...]:
    return scan.channels, scan.colour, scan.grid.ndim, tuple(one.units for one in scan.singles)


def refuse_channels(scans: Sequence[Scan], what: str) -> None:
    """Refuse images of several channels where they are not supported.

    Args:
        scans: the images.
        what: is not supported, for the message.

    Raises:
        SegadvError: if there is one.
    """
    several = next((scan for scan in scans if scan.parts), None)
    if several is not None:
        raise SegadvError(
            f"{several.name}: has several channels, and {what}; use images of one channel"
        )


def intensity_window(cases: Sequence[Case], classes: ClassMap) -> tuple[float, float] | None:
    """Return the intensity window to train in: for HU that of the structures, for bytes all.

    Of several channels, it is one for all. None for other images, and for channels of different
    kinds, which are scaled by their own percentiles.
    """
    first = cases[0].scan
    if all(one.storage.dtype == "uint8" for one in first.singles):
        return 0.0, 255.0
    if any(one.units != "HU" for one in first.singles):
        return None
    inside = np.concatenate([c.scan.array[classes(c.mask.array) > 0].ravel() for c in cases])
    low, high = np.percentile(inside, (0.5, 99.5))
    # Leave room on both sides, so that fat, air and bone still differ from the structures.
    room = 0.25 * (high - low) + 20
    return float(np.floor((low - room) / 10) * 10), float(np.ceil((high + room) / 10) * 10)


def median_spacing(cases: Sequence[Case], dims: int) -> tuple[float, ...] | None:
    """Return the median spacing (mm) of the last `dims` axes; None for images without geometry."""
    if not all(case.scan.grid.physical for case in cases):
        return None
    spacing = np.median([case.scan.grid.spacing for case in cases], axis=0)
    return tuple(round(float(s), 4) for s in spacing[-dims:])


def counts(cases: Sequence[Case], classes: ClassMap) -> Mapping[str, int]:
    """Count the pixels of each class over all cases."""
    total = np.zeros(len(classes.names), np.int64)
    for case in cases:
        total += np.bincount(classes(case.mask.array).ravel(), minlength=len(total))
    return dict(zip(classes.names, total.tolist(), strict=True))
