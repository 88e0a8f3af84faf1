"""A session in one folder: images, target, victim's source, runs and verdicts.

    session.json            the contents, the drawn boxes and clicks, and which run is shown
    images/00/ct.nii.gz     each clean image once, in its own format or one that can be written
    labels/00.nii.gz        the painted label maps, the target among them
    runs/00/                as `save_run` writes a run

A victim is named by its source and its hash; its weights stay where they are.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ... import io
from ...common.atomic_files import check_place, written_whole
from ...common.json_data import Entry, read_json
from ...data.scan import Scan
from ...errors import SegadvError
from ..saving import write_run
from .files import (
    image_data,
    kept_inside,
    read_boxes,
    read_clicks,
    read_image,
    read_labels,
    read_run,
    write_image,
)
from .plain_data import grid_data, image_key
from .session import Session, SessionImage, VictimSource

FILE, FORMAT = "session.json", 1
REMEDY = "restore the session from a copy"

Poll = Callable[[], None]


def save_session(session: Session, folder: str | Path, poll: Poll = lambda: None) -> Path:
    """Write a session into a new folder, all or nothing; return the folder.

    Args:
        session: what to save.
        folder: created, with its parents.
        poll: called after each file; it may raise, and then nothing is written.

    Raises:
        SegadvError: if the folder exists or can't be written.
    """
    folder = Path(folder)
    check_place(folder)
    if folder.exists():
        raise SegadvError(f"{folder}: exists already; name another folder for the session")
    with written_whole(folder) as new:
        _write(session, new, poll)
    return folder


def open_session(folder: str | Path, poll: Poll = lambda: None) -> Session:
    """Open a session from its folder, with each example as it was; no victim is loaded.

    Raises:
        SegadvError: if the folder is no session, is damaged, or refers to files outside itself.
    """
    root = Path(folder)
    try:
        return _read(root, poll)
    except OSError as error:
        raise SegadvError(f"{root}: can't be read ({error.strerror or error}); {REMEDY}") from None


def _read(root: Path, poll: Poll) -> Session:
    if not (root / FILE).is_file():
        raise SegadvError(f"{root}: holds no {FILE}; choose the folder of a saved session")
    entry = Entry(read_json(kept_inside(root / FILE, root)), str(root / FILE), REMEDY)
    if entry.whole("format") != FORMAT:
        raise SegadvError(
            f"{root / FILE}: has format {entry.whole('format')}, but this version opens only "
            f"{FORMAT}; update napari-segadv"
        )
    listed = {name: entry.entries(name) for name in ("images", "labels", "runs")}
    images = []
    for one in listed["images"]:
        images.append(read_image(one, root))
        poll()
    labels, target = [], entry.index("target", len(listed["labels"]))
    for number, one in enumerate(listed["labels"]):
        # Earlier versions knew one target alone.
        labels.append(read_labels(one, root, images, number == target))
        poll()
    runs = []
    for one in listed["runs"]:
        runs.append(read_run(one, root, images))
        poll()
    # Earlier versions did not save boxes and clicks.
    drawn = entry.entries("boxes") if "boxes" in entry.values else []
    clicked = entry.entries("clicks") if "clicks" in entry.values else []
    victim = None
    if entry.values.get("victim") is not None:
        victim = VictimSource.read(entry.entry("victim"))
    return Session(
        tuple(images),
        tuple(labels),
        tuple(runs),
        target,
        entry.index("shown", len(runs)),
        victim,
        boxes=tuple(read_boxes(one, images) for one in drawn),
        clicks=tuple(read_clicks(one, images) for one in clicked),
        choice=_choice(entry),
        # Earlier versions did not save it.
        present=entry.text("present") if "present" in entry.values else "auto",
        chosen=entry.index("chosen", len(images)),
    )


def _choice(entry: Entry) -> int | str | None:
    # Earlier versions did not save it.
    choice = entry.values.get("choice")
    if choice is None:
        return None
    return entry.text("choice") if isinstance(choice, str) else entry.whole("choice")


def _write(session: Session, folder: Path, poll: Poll) -> None:
    images = _Images(folder, poll)
    numbers = [images.number_of(image) for image in session.images]
    content = {
        "format": FORMAT,
        "written_by": f"napari-segadv {version('napari-segadv')}",
        "runs": _write_runs(session, images),
        "labels": _write_labels(session, numbers, folder, poll),
        "images": images.entries,
        "boxes": [{**one.data, "image": numbers[one.image]} for one in session.boxes],
        "clicks": [{**one.data, "image": numbers[one.image]} for one in session.clicks],
        "target": session.target,
        "shown": session.shown,
        "choice": session.choice,
        "present": session.present,
        "chosen": None if session.chosen is None else numbers[session.chosen],
        "victim": None if session.victim is None else session.victim.data,
    }
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


class _Images:
    """The images of a session that is being written, each once.

    Attributes:
        entries: what `session.json` holds about them.
        stored: the scans as they come back from the session's files.
    """

    def __init__(self, folder: Path, poll: Poll) -> None:
        self.folder, self.poll = folder, poll
        self.entries: list[dict[str, Any]] = []
        self.stored: list[Scan] = []
        self._known: dict[Any, int] = {}
        (folder / "images").mkdir()

    def number_of(self, image: SessionImage) -> int:
        """Return the number of an image, after writing it unless the same one is there."""
        key = image_key(image.scan)
        if key not in self._known:
            self._known[key] = len(self.entries)
            place = self.folder / "images" / f"{len(self.entries):02}"
            self.stored.append(write_image(image.scan, place))
            self.entries.append(
                {
                    "name": image.name,
                    "window": None if image.window is None else list(image.window),
                    **image_data(image.scan, place, self.folder),
                }
            )
            self.poll()
        return self._known[key]


def _write_runs(session: Session, images: _Images) -> list[dict[str, Any]]:
    (images.folder / "runs").mkdir()
    entries = []
    for number, run in enumerate(session.runs):
        image = images.number_of(SessionImage(run.example.clean.name, run.example.clean))
        place = images.folder / "runs" / f"{number:02}"
        place.mkdir()
        # As a run on the session's file of the image, whose format the adversarial image takes.
        write_run(
            replace(run.example.with_output(None), clean=images.stored[image]), place, run.verdicts
        )
        entries.append(
            {"name": run.name, "folder": _relative(place, images.folder), "image": image}
        )
        images.poll()
    return entries


def _write_labels(
    session: Session, numbers: list[int], folder: Path, poll: Poll
) -> list[dict[str, Any]]:
    """Write the painted labels; `numbers` are those of the session's images in the folder."""
    (folder / "labels").mkdir()
    entries = []
    for number, painted in enumerate(session.labels):
        file = folder / "labels" / f"{number:02}.nii.gz"
        io.save_mask(painted.mask, file)
        entries.append(
            {
                "name": painted.name,
                "file": _relative(file, folder),
                "image": None if painted.image is None else numbers[painted.image],
                "target": painted.target,
                "dtype": str(painted.mask.array.dtype),
                "classes": list(painted.mask.classes),
                "grid": grid_data(painted.mask.grid),
            }
        )
        poll()
    return entries


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
