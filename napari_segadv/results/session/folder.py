"""A session in one folder: images, target, victim's source, runs and verdicts.

    session.json            what there is, boxes that were drawn, and which run is shown
    images/00/ct.nii.gz     each clean image once, in its own format or one that can be written
    labels/00.nii.gz        what was painted, the target among it
    runs/00/                as `saved.save_run` writes a run

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
    file_name,
    kept_inside,
    read_boxes,
    read_image,
    read_labels,
    read_run,
    write_image,
)
from .plain_data import grid_data, same_as, scan_data
from .session import Session, SessionImage, VictimSource

FILE, FORMAT = "session.json", 1
REMEDY = "restore the session from a copy"

Poll = Callable[[], None]


def save_session(session: Session, folder: str | Path, poll: Poll = lambda: None) -> Path:
    """Writes a session into a new folder, all or nothing; returns the folder.

    Args:
        session: what to save.
        folder: is made, with its parents.
        poll: called after each file; it may raise, and then nothing is written.

    Raises:
        SegadvError: where the folder exists or can't be written.
    """
    folder = Path(folder)
    check_place(folder)
    if folder.exists():
        raise SegadvError(f"{folder}: exists already; name another folder for the session")
    with written_whole(folder) as new:
        _write(session, new, poll)
    return folder


def open_session(folder: str | Path, poll: Poll = lambda: None) -> Session:
    """A session from its folder; each example is what it was. Nothing of a victim is loaded.

    Raises:
        SegadvError: where the folder is no session, is damaged, or leads out of itself.
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
            f"{root / FILE}: is of format {entry.whole('format')}, but this version opens "
            f"{FORMAT}; update napari-segadv"
        )
    listed = {name: entry.entries(name) for name in ("images", "labels", "runs")}
    images = []
    for one in listed["images"]:
        images.append(read_image(one, root))
        poll()
    labels = []
    for one in listed["labels"]:
        labels.append(read_labels(one, root, images))
        poll()
    runs = []
    for one in listed["runs"]:
        runs.append(read_run(one, root, images))
        poll()
    # Not there before boxes were saved.
    drawn = entry.entries("boxes") if "boxes" in entry.values else []
    victim = None
    if entry.values.get("victim") is not None:
        victim = VictimSource.read(entry.entry("victim"))
    return Session(
        tuple(images),
        tuple(labels),
        tuple(runs),
        entry.index("target", len(labels)),
        entry.index("shown", len(runs)),
        victim,
        boxes=tuple(read_boxes(one, images) for one in drawn),
        choice=_choice(entry),
    )


def _choice(entry: Entry) -> int | str | None:
    # Not there before it was saved.
    choice = entry.values.get("choice")
    if choice is None:
        return None
    return entry.text("choice") if isinstance(choice, str) else entry.whole("choice")


def _write(session: Session, folder: Path, poll: Poll) -> None:
    for part in ("images", "labels", "runs"):
        (folder / part).mkdir()
    images: list[dict[str, Any]] = []
    stored: list[Scan] = []
    known: dict[Any, int] = {}

    def number_of(image: SessionImage) -> int:
        """Writes an image, unless the same is there."""
        key = same_as(image.scan)
        if key not in known:
            known[key] = len(images)
            place = folder / "images" / f"{len(images):02}"
            scan = write_image(image.scan, place)
            stored.append(scan)
            images.append(
                {
                    "name": image.name,
                    "file": _relative(place / file_name(image.scan), folder),
                    "window": None if image.window is None else list(image.window),
                    **scan_data(image.scan),
                }
            )
            poll()
        return known[key]

    numbers = [number_of(image) for image in session.images]
    runs = []
    for number, run in enumerate(session.runs):
        image = number_of(SessionImage(run.example.clean.name, run.example.clean))
        place = folder / "runs" / f"{number:02}"
        place.mkdir()
        # As a run of the session's own file, whose format the adversarial image takes.
        write_run(replace(run.example, clean=stored[image]), place, run.verdicts)
        runs.append({"name": run.name, "folder": _relative(place, folder), "image": image})
        poll()
    labels = []
    for number, painted in enumerate(session.labels):
        file = folder / "labels" / f"{number:02}.nii.gz"
        io.save_mask(painted.mask, file)
        labels.append(
            {
                "name": painted.name,
                "file": _relative(file, folder),
                "image": None if painted.image is None else numbers[painted.image],
                "dtype": str(painted.mask.array.dtype),
                "classes": list(painted.mask.classes),
                "grid": grid_data(painted.mask.grid),
            }
        )
        poll()
    content = {
        "format": FORMAT,
        "written_by": f"napari-segadv {version('napari-segadv')}",
        "images": images,
        "labels": labels,
        "boxes": [{**one.data, "image": numbers[one.image]} for one in session.boxes],
        "runs": runs,
        "target": session.target,
        "shown": session.shown,
        "choice": session.choice,
        "victim": None if session.victim is None else session.victim.data,
    }
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
