"""The files of a session's parts: images, painted label maps, runs; and boxes in its JSON."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from ... import io
from ...common.json_data import Entry
from ...data.boxes import Boxes
from ...data.scan import Mask, Scan
from ...errors import SegadvError
from ...io.registry import suffix
from ..loading import load_example, load_verdicts
from .plain_data import read_grid, read_scan, typed
from .session import SessionBoxes, SessionImage, SessionLabels, SessionRun

# Headers that may name another file, which may lie anywhere, for the pixels.
HEADERS = (".nrrd", ".nhdr", ".mha", ".mhd", ".hdr")
ELSEWHERE = re.compile(rb"^(?:data ?file *:|ElementDataFile *=) *(?!LOCAL\b)\S", re.I | re.M)
HEADER_BYTES = 1 << 20
# Files of their own for the pixels: a session's images are one file each.
WHOLE = {".mhd": ".mha", ".nhdr": ".nrrd"}


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


def kept_inside(path: Path, root: Path) -> Path:
    """A file of a session, which neither lies nor points outside of the session's folder.

    Raises:
        SegadvError: where it does, or is no file.
    """
    # A link is followed by whoever reads it, so none is taken.
    steps = [path, *path.parents][: len(path.parts) - len(root.parts)]
    inside = path.is_relative_to(root) and ".." not in path.relative_to(root).parts
    if not inside or any(step.is_symlink() for step in steps):
        raise SegadvError(f"{path}: leads out of the session; open one that you know to be whole")
    if not path.is_file():
        raise SegadvError(f"{path}: no such file; restore the session from a copy")
    if suffix(path) in HEADERS:
        with path.open("rb") as file:
            if ELSEWHERE.search(file.read(HEADER_BYTES)):
                raise SegadvError(
                    f"{path}: takes its pixels from another file; open a session that you know "
                    "to be whole"
                )
    return path
