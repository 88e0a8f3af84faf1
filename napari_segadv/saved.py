"""A saved example read back from its folder; and the folder of a run of the viewer.

A run's folder is an example's with the target, with what a reader said of its slices, and with
what the files of its predictions round, so that it comes back as it was.
"""

import io as bytes_io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from . import io
from .errors import SegadvError
from .example import Example, refuse_existing
from .folders import written_whole
from .io.arrays import read_array
from .io.registry import formats, suffix
from .json_entries import Entry
from .json_files import read_json
from .provenance import image_hash
from .result_json import COPY, RESULT, check_told, checked_record
from .scan import Array, Scan
from .verdicts import Verdict, verdicts_from_json, verdicts_to_json
from .victims.tasks import task_of

VERDICTS, EXACT = "verdicts.json", "exact.npz"
PREDICTIONS = ("prediction_clean", "prediction_adversarial")
TARGET = "target"
# Of the arrays in EXACT; a detector has a hundred thousand anchors at most.
MOST_BYTES = 256 << 20


def save_run(
    example: Example,
    folder: str | Path,
    verdicts: Mapping[int, Verdict] | None = None,
    overwrite: bool = False,
) -> Path:
    """Writes an example with what was said of it into a folder, all or nothing.

    Args:
        example: what came out.
        folder: is made, with its parents.
        verdicts: by number of the slice.
        overwrite: replace an earlier result there.

    Raises:
        SegadvError: as `Example.save`.
    """
    folder = Path(folder)
    refuse_existing(folder, overwrite)
    with written_whole(folder) as new:
        write_run(example, new, verdicts)
    return folder


def write_run(
    example: Example, folder: Path, verdicts: Mapping[int, Verdict] | None = None
) -> None:
    """The same into a folder that is there and empty."""
    example.write(folder)
    task = example.task
    exact: dict[str, Any] = {}
    if example.target is not None:
        task.save(example.target, folder / f"{TARGET}{task.ending}")
    for name in (*PREDICTIONS, TARGET):
        said = getattr(example, name)
        if said is not None:
            exact |= {f"{name}.{part}": array for part, array in task.exact(said).items()}
    if exact:
        np.savez_compressed(folder / EXACT, **exact)
    if verdicts:
        text = json.dumps(verdicts_to_json(verdicts), indent=1, ensure_ascii=False)
        (folder / VERDICTS).write_text(text + "\n", encoding="utf-8")


def load_example(folder: str | Path, clean: Scan | str | Path | None = None) -> Example:
    """An example from the folder that it was saved as, by `Example.save`, the viewer or segadv.

    Args:
        folder: holds `result.json`.
        clean: the image that was attacked, or its path; None: where `result.json` says it is.

    Returns:
        The Example; its `target` is None where the folder has none, as those of the command line.

    Raises:
        SegadvError: where the folder or the image is damaged, or they don't belong together.
    """
    folder = Path(folder)
    if not (folder / RESULT).is_file():
        raise SegadvError(f"{folder}: holds no {RESULT}; choose the folder of a saved result")
    path = folder / RESULT
    result = Entry(read_json(path), str(path), COPY)
    record = checked_record(result)
    image, victim = result.entry("image"), result.entry("victim")
    scan = clean if isinstance(clean, Scan) else _clean(image, clean, folder)
    task, classes = task_of(victim.text("task")), victim.texts("classes")
    found = io.read(_adversarial(folder, scan))
    if found.array.shape != scan.array.shape or found.colour != scan.colour:
        raise SegadvError(
            f"{folder}: its adversarial image has shape {found.array.shape}, but "
            f"{scan.name} {scan.array.shape}; open it with the image that was attacked"
        )
    adversarial = replace(found, grid=scan.grid, units=scan.units, path=None)
    noise = adversarial.array.astype(np.float64) - scan.array.astype(np.float64)
    measures = result.entry("measures")
    if not np.isclose(np.abs(noise).max(), measures.number("linf"), rtol=1e-6, atol=1e-9):
        raise SegadvError(
            f"{folder}: its adversarial image does not differ from {scan.name} as {RESULT} says; "
            "open it with the image that was attacked"
        )
    exact = _exact(folder / EXACT)

    def said(name: str) -> Any:
        file = folder / f"{name}{task.ending}"
        if not file.is_file():
            raise SegadvError(f"{file}: no such file; {COPY}")
        parts = {n.split(".", 1)[1]: a for n, a in exact.items() if n.startswith(f"{name}.")}
        return task.load(file, scan.grid, classes, parts)

    wanted = (folder / f"{TARGET}{task.ending}").exists()
    example = Example(
        task=task,
        clean=scan,
        adversarial=adversarial,
        noise=noise.astype(np.float32),
        target=said(TARGET) if wanted else None,
        prediction_clean=said(PREDICTIONS[0]),
        prediction_adversarial=said(PREDICTIONS[1]),
        measures=measures.values,
        measures_before_saving=result.entry("measures_before_saving").values,
        record=record,
        window=_window(result, scan),
        notes=result.texts("notes"),
        fields=_fields(folder, scan),
    )
    check_told(example, path)
    return example


def load_verdicts(folder: str | Path, example: Example) -> dict[int, Verdict]:
    """What was said of an example's slices; empty where its folder has nothing of it.

    Raises:
        SegadvError: where the file is damaged, or tells of slices that there aren't.
    """
    path = Path(folder) / VERDICTS
    if not path.exists():
        return {}
    try:
        verdicts = verdicts_from_json(read_json(path))
    except SegadvError as error:
        text = str(error)
        raise SegadvError(text if str(path) in text else f"{path}: {text[:300]}") from None
    grid = example.clean.grid
    slices = grid.shape[0] if grid.ndim == 3 else 1
    if max(verdicts, default=0) >= slices:
        raise SegadvError(
            f"{path}: tells of slice {max(verdicts)}, but there are {slices}; it is of another run"
        )
    return verdicts


def _clean(image: Entry, given: str | Path | None, folder: Path) -> Scan:
    """The image that was attacked, read from its file."""
    path = given
    if path is None:
        if image.values.get("path") is None:
            raise SegadvError(
                f"{folder}: its image was no file; open it with the image that was attacked"
            )
        path = Path(image.text("path"))
        if not path.exists():
            raise SegadvError(f"{path}: is gone, but {folder.name} is of it; put it back")
    scan = io.read(path)
    if given is None and image_hash(scan) != image.text("sha256"):
        raise SegadvError(
            f"{path}: has changed since {folder.name} was made of it; put the earlier file back"
        )
    return scan


def _adversarial(folder: Path, clean: Scan) -> Path:
    """The file of the adversarial image: of the clean one's format, or of any that can be read."""
    known = {end for form in formats() if form.write is not None for end in form.suffixes}
    found = [p for p in folder.glob("adversarial.*") if p.is_file() and suffix(p) in known]
    try:
        best = f"adversarial{io.output_format(clean)[0]}"
    except SegadvError:
        # Its own file is gone, and with it what format that was.
        best = ""
    if not found:
        raise SegadvError(f"{folder}: holds no adversarial image; {COPY}")
    return min(found, key=lambda path: (path.name != best, path.name))


def _exact(path: Path) -> dict[str, Array]:
    """The arrays of EXACT, if it is there; they are data only."""
    if not path.exists():
        return {}
    try:
        content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
        with zipfile.ZipFile(bytes_io.BytesIO(content)) as packed:
            if sum(part.file_size for part in packed.infolist()) > MOST_BYTES:
                raise ValueError("larger than can be meant")
        with np.load(bytes_io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, LookupError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise SegadvError(f"{path}: can't be read ({reason}); {COPY}") from None


def _fields(folder: Path, scan: Scan) -> dict[str, Array]:
    shapes = {
        "displacement": (*scan.grid.shape, scan.grid.ndim),
        "intensity": scan.array.shape,
    }
    files = {name: folder / f"{name}.nii.gz" for name in shapes}
    return {n: read_array(file, shapes[n]) for n, file in files.items() if file.exists()}


def _window(result: Entry, scan: Scan) -> tuple[float, float]:
    """What the victim sees; of results that don't say so, all that the image may hold."""
    if "window" not in result.values:
        return scan.bounds
    low, high = result.numbers("window", 2)
    if low >= high:
        raise result.wrong('"window" has to rise')
    return low, high
