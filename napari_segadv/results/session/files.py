"""The files of a session's parts: images, painted label maps, runs; and boxes in its JSON."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ... import io
from ...common.json_data import Entry
from ...data.boxes import Boxes
from ...data.scan import Mask, Scan
from ...errors import SegadvError
from ...io.registry import suffix
from ...victims.shown import points_in
from ..loading import load_example, load_verdicts
from .plain_data import read_grid, read_scan, scan_data, typed
from .session import SessionBoxes, SessionClicks, SessionImage, SessionLabels, SessionRun

# Headers that may name another file for the pixels.
HEADERS = (".nrrd", ".nhdr", ".mha", ".mhd", ".hdr")
# Formats with a separate pixel file, and their replacement: a session keeps one file an image.
WHOLE = {".mhd": ".mha", ".nhdr": ".nrrd"}


def file_name(scan: Scan) -> str:
    """Return a name for a scan's file that resembles its original name."""
    ending, stem = _ending(scan), "image"
    if scan.path is not None:
        name = scan.path.name
        stem = name[: -len(suffix(scan.path))] if suffix(scan.path) else name
    return (re.sub(r"[^\w-]+", "_", stem)[:60].strip("_") or "image") + ending


def _ending(scan: Scan) -> str:
    try:
        ending, _ = io.output_format(scan)
    except SegadvError:
        # A DICOM folder can't be recognised once it is gone.
        ending = ".nii.gz"
    return WHOLE.get(ending, ending)


def write_image(scan: Scan, folder: Path) -> Scan:
    """Write a scan and make sure that it reads back; return it as a scan of that file.

    Of several channels, each has a folder and a file of its own.
    """
    folder.mkdir()
    if scan.parts:
        places = [folder / f"{number:04d}" for number in range(scan.channels)]
        pairs = zip(scan.parts, places, strict=True)
        return Scan.of_parts([write_image(part, place) for part, place in pairs])
    path = folder / file_name(scan)
    io.save(scan, path)
    back = io.read(path).array
    if back.shape != scan.array.shape or not np.array_equal(back, scan.array):
        raise SegadvError(
            f"{scan.name}: reads back differently from a file of its format; please report it "
            "with the image's format"
        )
    # The session's file is another one, perhaps of another format.
    facts = ("files", "source_files", "place", "format")
    meta = {name: value for name, value in scan.meta.items() if name not in facts}
    return replace(scan, path=path if scan.path is not None else None, meta=meta)


def image_data(scan: Scan, folder: Path, root: Path) -> dict[str, Any]:
    """Return a scan as plain data, with its file below the session's folder, `root`.

    Args:
        scan: the scan, before it was written.
        folder: into which `write_image` has written it.
        root: of the session.
    """
    if not scan.parts:
        file = (folder / file_name(scan)).relative_to(root).as_posix()
        return {"file": file, **scan_data(scan)}
    return {
        "channels": [
            image_data(part, folder / f"{number:04d}", root)
            for number, part in enumerate(scan.parts)
        ]
    }


def _read_scan(entry: Entry, root: Path) -> Scan:
    """Read a scan as `image_data` describes it."""
    if "channels" in entry.values:
        return Scan.of_parts([_read_scan(one, root) for one in entry.entries("channels")])
    path = kept_inside(root / entry.text("file"), root)
    return read_scan(entry, io.read(path))


def read_image(entry: Entry, root: Path) -> SessionImage:
    """Read an image from its entry in the session's file."""
    scan = _read_scan(entry, root)
    if entry.values.get("window") is None:
        return SessionImage(entry.text("name"), scan)
    low, high = entry.numbers("window", 2)
    if low >= high:
        raise entry.wrong('"window" must rise from low to high')
    return SessionImage(entry.text("name"), scan, (low, high))


def read_labels(
    entry: Entry, root: Path, images: list[SessionImage], target: bool
) -> SessionLabels:
    """Read a label map from its entry in the session's file; `target` if that does not say."""
    path = kept_inside(root / entry.text("file"), root)
    array = io.read_mask(path).array
    image = entry.index("image", len(images))
    grid = read_grid(entry.entry("grid"), array.shape)
    if image is not None and grid.shape != images[image].scan.grid.shape:
        raise entry.wrong(f"its shape is not that of image {image}")
    mask = Mask(typed(array, entry), grid, entry.texts("classes"))
    target = entry.flag("target") if "target" in entry.values else target
    return SessionLabels(entry.text("name"), mask, image, target)


def read_boxes(entry: Entry, images: list[SessionImage]) -> SessionBoxes:
    """Read boxes from their entry in the session's file."""
    image = entry.index("image", len(images))
    if image is None:
        raise entry.wrong('"image" must be the number of an image in the list')
    grid, classes = images[image].scan.grid, entry.texts("classes")
    labels, corners = [], []
    for one in entry.entries("boxes"):
        label, box = one.whole("label"), one.numbers("corners", 2 * grid.ndim)
        if not 0 < label < len(classes):
            raise one.wrong(f'"label" is {label}, but there are {len(classes)} classes')
        if any(low > high for low, high in zip(box[: grid.ndim], box[grid.ndim :], strict=True)):
            raise one.wrong('"corners" must hold the least values before the largest')
        labels.append(label)
        corners.append(box)
    boxes = Boxes.of(np.array(corners, np.float32), labels, grid, classes)
    return SessionBoxes(entry.text("name"), boxes, image)


def read_clicks(entry: Entry, images: list[SessionImage]) -> SessionClicks:
    """Read clicks from their entry in the session's file."""
    image = entry.index("image", len(images))
    if image is None:
        raise entry.wrong('"image" must be the number of an image in the list')
    try:
        return SessionClicks(points_in(entry.values, images[image].scan.grid.ndim), image)
    except SegadvError as error:
        raise entry.wrong(str(error)) from None


def read_run(entry: Entry, root: Path, images: list[SessionImage]) -> SessionRun:
    """Read a run from its entry in the session's file."""
    folder = root / entry.text("folder")
    kept_inside(folder / "result.json", root)
    for path in sorted(folder.iterdir()):
        kept_inside(path, root)
    image = entry.index("image", len(images))
    if image is None:
        raise entry.wrong('"image" must be the number of an image in the list')
    example = load_example(folder, images[image].scan)
    return SessionRun(entry.text("name"), example, load_verdicts(folder, example))


def kept_inside(path: Path, root: Path) -> Path:
    """Return a path after checking that it is a file inside the session's folder.

    Raises:
        SegadvError: if it lies or points outside the folder, or is no file.
    """
    # Whatever reads a link follows it, so links are refused.
    steps = [path, *path.parents][: len(path.parts) - len(root.parts)]
    inside = path.is_relative_to(root) and ".." not in path.relative_to(root).parts
    if not inside or any(step.is_symlink() for step in steps):
        raise SegadvError(
            f"{path}: leads out of the session; open one from a source that you trust"
        )
    if not path.is_file():
        raise SegadvError(f"{path}: no such file; restore the session from a copy")
    if suffix(path) in HEADERS and len(io.files_of(path)) > 1:
        raise SegadvError(
            f"{path}: takes its pixels from another file; open a session from a source that you "
            "trust"
        )
    return path
