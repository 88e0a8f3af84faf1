"""Saved examples and verdicts, read back from their folders and checked."""

import io as bytes_io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import io
from ..common.json_data import Entry, read_json
from ..common.wording import counted
from ..data.channels import Channel, in_percent
from ..data.scan import Array, Scan
from ..errors import SegadvError
from ..io.images import read_array
from ..io.output import Output, read_values
from ..io.registry import formats
from ..victims.tasks import task_of
from .example import Example
from .files import ADVERSARIAL, ARRAY, EXACT, PREDICTIONS, RESULT, TARGET, VERDICTS
from .finding import COPY, adversarial_in, image_now, stored_names
from .provenance import image_hash
from .unchanged import changed_since, told_of_given
from .verdicts import Verdict, verdicts_from_json

EARLIER = (
    "made by an earlier version: in the share left intact, background that turned into a structure "
    "did not count"
)
EARLIER_SSIM = (
    "made by an earlier version: SSIM was computed from the intensities themselves, not from the "
    "image as it is displayed; as it is measured now, it differs"
)
# What `result.json` holds besides the record.
ELSEWHERE = (
    "files",
    "output",
    "measures",
    "measures_before_saving",
    "notes",
    "window",
    ADVERSARIAL,
)
# Largest size of EXACT, packed or not; a detector has at most a hundred thousand anchors.
MOST_BYTES = 256 << 20


def load_example(
    folder: str | Path, clean: Scan | str | Path | Sequence[str | Path] | None = None
) -> Example:
    """Load an example from the folder that `Example.save`, the viewer or segadv wrote.

    Args:
        folder: holds `result.json`.
        clean: the image that was attacked, or its path, or the paths of its channels; None: as
            `result.json` says.

    Returns:
        The Example; its `target` is None if the folder has none, like those of the command line.

    Raises:
        SegadvError: if the folder or the image is damaged, they don't belong together, or a file
            is no longer the one whose hash is recorded.

    Examples:
        >>> import napari_segadv as sa
        >>> from napari_segadv import io
        >>> from napari_segadv.samples import phantom
        >>> io.save(phantom("chest-xray", seed=20001)[0], "xray.png")
        >>> victim = sa.load_victim("demo:chest-xray")
        >>> attack = sa.attacks.FGSM(epsilon=2.0)
        >>> _ = sa.craft(sa.read("xray.png"), victim, attack).save("out")
        >>> example = sa.load_example("out")
        >>> example.record["method"], example.measures["linf"], example.adversarial.array.shape
        ('fgsm', 2.0, (512, 512))
    """
    folder = Path(folder)
    if not (folder / RESULT).is_file():
        raise SegadvError(f"{folder}: holds no {RESULT}; choose the folder of a saved result")
    path = folder / RESULT
    result = Entry(read_json(path), str(path), COPY)
    record = checked_record(result)
    image, victim = result.entry("image"), result.entry("victim")
    scan = clean if isinstance(clean, Scan) else _clean(result, clean, folder)
    task, classes = task_of(victim.text("task")), victim.texts("classes")
    channels = _channels(result, scan)
    adversarial = _read_adversarial(result, folder, scan)
    noise = adversarial.array.astype(np.float64) - scan.array.astype(np.float64)
    measures = result.entry("measures")
    if not np.isclose(
        np.abs(in_percent(noise, channels)).max(), measures.number("linf"), rtol=1e-6, atol=1e-9
    ):
        raise SegadvError(
            f"{folder}: its adversarial image does not differ from {scan.name} as {RESULT} says; "
            "open it with the image that was attacked"
        )
    told = () if clean is None else told_of_given(image, clean, scan, folder, noise)
    exact = read_exact(folder / EXACT)

    def prediction(name: str) -> Any:
        file = folder / f"{name}{task.ending}"
        if not file.is_file():
            raise SegadvError(f"{file}: no such file; {COPY}")
        parts = {n.split(".", 1)[1]: a for n, a in exact.items() if n.startswith(f"{name}.")}
        return task.load(file, scan.grid, classes, parts)

    has_target = (folder / f"{TARGET}{task.ending}").exists()
    window = _window(result, scan)
    example = Example(
        task=task,
        clean=scan,
        adversarial=adversarial,
        noise=noise.astype(np.float32),
        target=prediction(TARGET) if has_target else None,
        prediction_clean=prediction(PREDICTIONS[0]),
        prediction_adversarial=prediction(PREDICTIONS[1]),
        measures=measures.values,
        measures_before_saving=result.entry("measures_before_saving").values,
        record=record,
        window=window,
        notes=tuple(dict.fromkeys((*_notes(result, window), *told))),
        fields=_fields(folder, scan),
        output=_output(result),
        channels=channels,
    )
    check_summary(example, path)
    return example


def _read_adversarial(result: Entry, folder: Path, scan: Scan) -> Scan:
    """Read the saved adversarial image.

    Raises:
        SegadvError: if it is not there, has changed, or does not fit the image that was attacked.
    """
    place = adversarial_in(folder, scan, stored_names(result))
    changed = changed_since(result, place)
    if changed is not None:
        raise changed
    found = io.read(place)
    alike = (found.colour, len(found.parts)) == (scan.colour, len(scan.parts))
    if found.array.shape != scan.array.shape or not alike:
        raise SegadvError(
            f"{folder}: its adversarial image has shape {found.array.shape} but {scan.name} has "
            f"{scan.array.shape}; open it with the image that was attacked"
        )
    return found.derived_from(scan)


def _notes(result: Entry, window: tuple[float, float]) -> tuple[str, ...]:
    """Return a result's notes; an earlier version's gets one on what it measured otherwise."""
    notes = result.texts("notes")
    figures, version = result.entry("measures").values, result.values.get("figures_version", 1)
    known = version if isinstance(version, int) else 1
    more = []
    if known < 2 and figures.get("kept") is not None:
        more.append(EARLIER)
    if known < 3 and figures.get("ssim") is not None and window[0] != 0:
        more.append(EARLIER_SSIM)
    return tuple(dict.fromkeys((*notes, *more)))


def load_verdicts(folder: str | Path, example: Example) -> dict[int, Verdict]:
    """Load the verdicts on an example's slices; empty if its folder has none.

    Raises:
        SegadvError: if the file is damaged, or has verdicts on slices that do not exist.
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
            f"{path}: has a verdict on slice {max(verdicts)}, but the last slice is {slices - 1}; "
            f"{COPY}"
        )
    return verdicts


def _clean(result: Entry, given: str | Path | Sequence[str | Path] | None, folder: Path) -> Scan:
    """Read the image that was attacked: as given, or as recorded if that has not changed."""
    if given is not None:
        return io.read(given)
    gone = f"put it back, or open {folder.name} with the image that was attacked"
    place = image_now(result, folder, gone, "open it with that image")
    scan = place if isinstance(place, Scan) else io.read(place)
    if image_hash(scan) != result.entry("image").text("sha256"):
        shown = place if isinstance(place, str) else scan.name
        raise SegadvError(
            f"{shown}: has changed since {folder.name} was made from it; put the old file back"
        )
    return scan


def told_of(folder: Path) -> tuple[str, ...]:
    """Return what the writing of a result's images told the user.

    Raises:
        SegadvError: if the result is damaged.
    """
    output = _output(Entry(read_json(folder / RESULT), str(folder / RESULT), COPY))
    return () if output is None else output.notes


def _output(result: Entry) -> Output | None:
    """Return how a result's images are saved; earlier versions did not say it."""
    if "output" not in result.values:
        return None
    return _output_of(result.entry("output"))


def _output_of(entry: Entry) -> Output:
    parts = entry.entries("channels") if "channels" in entry.values else []
    ending = entry.text("ending")
    if ending and ending not in {end for form in formats() for end in form.suffixes}:
        raise entry.wrong(f'"ending" {ending[:20]} is not that of an image')
    note = entry.text("note")
    hidden, told = entry.flag("deidentified"), entry.texts("told")
    return Output(ending, note, hidden, told, tuple(_output_of(one) for one in parts))


def read_exact(path: Path) -> dict[str, Array]:
    """Read the arrays of EXACT, if it is there, as data without code.

    Raises:
        SegadvError: if it can't be read.
    """
    if not path.exists():
        return {}
    try:
        content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
        with zipfile.ZipFile(bytes_io.BytesIO(content)) as packed:
            if sum(part.file_size for part in packed.infolist()) > MOST_BYTES:
                raise ValueError("it is too large")
        with np.load(bytes_io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, LookupError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise SegadvError(f"{path}: can't be read ({reason}); {COPY}") from None


def _fields(folder: Path, scan: Scan) -> dict[str, Array]:
    found: dict[str, Array] = {}
    displacement, intensity = folder / f"displacement{ARRAY}", folder / "intensity"
    if displacement.exists():
        found["displacement"] = read_array(displacement, (*scan.grid.shape, scan.grid.ndim))
    shading = read_values(intensity, scan)
    return found if shading is None else {**found, "intensity": shading}


def listed_channels(record: Entry, scan: Scan, remedy: str) -> list[Entry]:
    """Return what a record says of each channel of an image; nothing for an image of one.

    Args:
        record: of a run.
        scan: the image.
        remedy: what to do if it is another one.

    Raises:
        SegadvError: if the image has another number of channels than the record says.
    """
    listed = record.entries("channels") if "channels" in record.values else []
    if len(listed) != len(scan.parts):
        counts = [counted(len(found) or 1, "channel") for found in (listed, scan.parts)]
        raise SegadvError(
            f"{record.where}: is of {counts[0]}, but {scan.name} has {counts[1]}; {remedy}"
        )
    return listed


def _channels(result: Entry, scan: Scan) -> tuple[Channel, ...]:
    """Return the channels of an image of several, as the record says that the victim saw them."""
    listed = listed_channels(result, scan, "open it with the image that was attacked")
    found = []
    for one in listed:
        low, high = one.numbers("window", 2)
        if low >= high:
            raise one.wrong('"window" must rise from low to high')
        found.append(Channel(one.text("name"), one.text("units"), (low, high), one.number("share")))
    return tuple(found)


def _window(result: Entry, scan: Scan) -> tuple[float, float]:
    """Return the window that the victim sees; the image's bounds if the result has none."""
    if "window" not in result.values:
        return scan.bounds
    low, high = result.numbers("window", 2)
    if low >= high:
        raise result.wrong('"window" must rise from low to high')
    return low, high


def checked_record(result: Entry) -> dict[str, Any]:
    """Return the record in `result.json`, after checking all that the viewer shows of it.

    Raises:
        SegadvError: if something is missing or of the wrong kind.
    """
    for name in ("method", "goal"):
        result.text(name)
    for name in ("seed", "steps"):
        result.whole(name)
    result.flag("succeeded")
    result.entry("parameters")
    budget = result.entry("budget")
    for name in ("norm", "units"):
        budget.text(name)
    if budget.values.get("epsilon") is not None:
        budget.number("epsilon")
    if "details" in result.values:
        _check_details(result.entry("details"))
    for name in ("measures", "measures_before_saving"):
        figures = result.entry(name)
        figures.text("units")
        for figure in ("l2", "linf", "linf_percent_of_window", "mean_abs"):
            figures.number(figure)
        for one in figures.entries("channels") if "channels" in figures.values else ():
            one.text("name")
            one.text("units")
            for figure in ("linf", "linf_percent_of_window"):
                one.number(figure)
        for figure in ("target_iou", "moved", "kept", "iou_with_clean", "ssim", "psnr"):
            if figures.values.get(figure, figures) is not None:
                figures.number(figure)
    return {name: value for name, value in result.values.items() if name not in ELSEWHERE}


def _check_details(details: Entry) -> None:
    """Refuse what an attack made of several says of them, if it is not as `tables` reads it."""
    for name in ("winner", "left_out"):
        if name in details.values:
            details.texts(name)
    members = details.entry("members").values if "members" in details.values else {}
    for name in members:
        member = details.entry("members").entry(name)
        for figure in ("moved", "kept", "dice"):
            # Images that an attack did not run on have no figure.
            values = member.values.get(figure, [])
            known = [v for v in values if v is not None] if isinstance(values, list) else values
            Entry({figure: known}, member.where, member.remedy).numbers(figure)


def check_summary(example: Example, path: Path) -> None:
    """Refuse figures from which no summary can be made."""
    try:
        summary = example.summary
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise SegadvError(f"{path}: has missing or wrong figures ({error}); {COPY}") from None
    assert summary
