"""The parts of a session, and each one's files: images, painted label maps, boxes, runs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ... import io
from ...data.boxes import Boxes
from ...data.scan import Mask, Scan
from ...errors import SegadvError
from ...io.registry import suffix
from ...json_entries import Entry
from ..example import Example
from ..loading import load_example, load_verdicts
from ..verdicts import Verdict
from .plain_data import VictimSource, kept_inside, read_grid, read_scan, typed

# Files of their own for the pixels: a session's images are one file each.
WHOLE = {".mhd": ".mha", ".nhdr": ".nrrd"}


@dataclass(frozen=True, eq=False)
class SessionImage:
    """A clean image, and the window (low, high) that it was looked at in, if that is known."""

    name: str
    scan: Scan
    window: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class SessionLabels:
    """A painted label map; `image` is the number of the image that it lies on, if it does."""

    name: str
    mask: Mask
    image: int | None = None


@dataclass(frozen=True, eq=False)
class SessionBoxes:
    """Drawn boxes; `image` is the number of the image that they lie on."""

    name: str
    boxes: Boxes
    image: int

    @property
    def data(self) -> dict[str, Any]:
        """As plain data, but for the image's number."""
        both = zip(self.boxes.labels.tolist(), self.boxes.corners.tolist(), strict=True)
        return {
            "name": self.name,
            "classes": list(self.boxes.classes),
            "boxes": [{"label": label, "corners": corners} for label, corners in both],
        }


@dataclass(frozen=True, eq=False)
class SessionRun:
    """A run; its image is the example's clean one."""

    name: str
    example: Example
    verdicts: Mapping[int, Verdict] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Session:
    """What a session holds.

    Attributes:
        images: open ones; those of runs come along without being named.
        labels: painted ones.
        runs: in order.
        target: number of the labels that are the target; None: none.
        shown: number of the run that is shown; None: none.
        victim: where it came from; None: none was loaded.
        boxes: drawn ones.
        choice: of a target that is neither: the number of a class, "none" or "none:2" for boxes to
            erase, "untargeted"; None: none.
    """

    images: tuple[SessionImage, ...] = ()
    labels: tuple[SessionLabels, ...] = ()
    runs: tuple[SessionRun, ...] = ()
    target: int | None = None
    shown: int | None = None
    victim: VictimSource | None = None
    boxes: tuple[SessionBoxes, ...] = ()
    choice: int | str | None = None


def file_name(scan: Scan) -> str:
    """A name for a scan's file that reminds of its own."""
    ending, stem = _ending(scan), "image"
    if scan.path is not None:
        own = scan.path.name
        stem = own[: -len(suffix(scan.path))] if suffix(scan.path) else own
    return (re.sub(r"[^\w-]+", "_", stem)[:60].strip("_") or "image") + ending


def _ending(scan: Scan) -> str:
    try:
        ending, _ = io.output_format(scan)
    except SegadvError:
        # What a DICOM folder is can't be seen once it is gone.
        ending = ".nii.gz"
    return WHOLE.get(ending, ending)


def write_image(scan: Scan, folder: Path) -> Scan:
    """Writes a scan, and makes sure that it comes back; returns it as a scan of that file."""
    folder.mkdir()
    path = folder / file_name(scan)
    io.save(scan, path)
    back = io.read(path).array
    if back.shape != scan.array.shape or not np.array_equal(back, scan.array):
        raise SegadvError(
            f"{scan.name}: reads back differently from a file of its format; please report it "
            "with the image's format"
        )
    kept = {name: value for name, value in scan.meta.items() if name != "files"}
    return replace(scan, path=path if scan.path is not None else None, meta=kept)


def read_image(entry: Entry, root: Path) -> SessionImage:
    """An image from its entry in the session's file."""
    path = kept_inside(root / entry.text("file"), root)
    scan = read_scan(entry, io.read(path))
    if entry.values.get("window") is None:
        return SessionImage(entry.text("name"), scan)
    low, high = entry.numbers("window", 2)
    if low >= high:
        raise entry.wrong('"window" has to rise')
    return SessionImage(entry.text("name"), scan, (low, high))


def read_labels(entry: Entry, root: Path, images: list[SessionImage]) -> SessionLabels:
    """A label map likewise."""
    path = kept_inside(root / entry.text("file"), root)
    array = io.read_mask(path).array
    image = entry.index("image", len(images))
    grid = read_grid(entry.entry("grid"), array.shape)
    if image is not None and grid.shape != images[image].scan.grid.shape:
        raise entry.wrong(f"is not of the shape of image {image}")
    mask = Mask(typed(array, entry), grid, entry.texts("classes"))
    return SessionLabels(entry.text("name"), mask, image)


def read_boxes(entry: Entry, images: list[SessionImage]) -> SessionBoxes:
    """Boxes likewise."""
    image = entry.index("image", len(images))
    if image is None:
        raise entry.wrong('"image" has to be a number of the list of images')
    grid, classes = images[image].scan.grid, entry.texts("classes")
    labels, corners = [], []
    for one in entry.entries("boxes"):
        label, box = one.whole("label"), one.numbers("corners", 2 * grid.ndim)
        if not 0 < label < len(classes):
            raise one.wrong(f'"label" is {label}, but there are {len(classes)} classes')
        if any(low > high for low, high in zip(box[: grid.ndim], box[grid.ndim :], strict=True)):
            raise one.wrong('"corners" have to be the least ones before the largest')
        labels.append(label)
        corners.append(box)
    boxes = Boxes.of(np.array(corners, np.float32), labels, grid, classes)
    return SessionBoxes(entry.text("name"), boxes, image)


def read_run(entry: Entry, root: Path, images: list[SessionImage]) -> SessionRun:
    """A run likewise."""
    folder = root / entry.text("folder")
    kept_inside(folder / "result.json", root)
    for path in sorted(folder.iterdir()):
        kept_inside(path, root)
    image = entry.index("image", len(images))
    if image is None:
        raise entry.wrong('"image" has to be a number of the list of images')
    example = load_example(folder, images[image].scan)
    return SessionRun(entry.text("name"), example, load_verdicts(folder, example))
