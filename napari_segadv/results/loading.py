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
from ..io.output import Output, of_channel
from ..io.registry import formats, suffix
from ..victims.tasks import task_of
from .example import Example, stored_as
from .files import ADVERSARIAL, ARRAY, EXACT, NOISE, PREDICTIONS, RESULT, TARGET, VERDICTS
from .finding import image_now, stored_hash, stored_names
from .provenance import hash_of, image_hash
from .verdicts import Verdict, verdicts_from_json

COPY = "restore it from a copy of the folder"
EARLIER = (
    "made by an earlier version: in the share left intact, background that turned into a structure "
    "did not count"
)
EARLIER_SSIM = (
    "made by an earlier version: SSIM was computed from the intensities themselves, not from the "
    "image as it is displayed; as it is measured now, it differs"
)
OTHER_FILE = (
    "the image was given, and its file is another one than result.json records (sha256); the "
    "pixels are the same"
)
UNKNOWN_FILE = (
    "the image was given, and its file is another one than result.json records (sha256); whether "
    "the pixels are the same can't be said without the file of the noise"
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
    told = () if clean is None else _of_given(image, clean, scan, folder, noise)
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


def _of_given(
    image: Entry,
    given: Scan | str | Path | Sequence[str | Path],
    scan: Scan,
    folder: Path,
    noise: Array,
) -> tuple[str, ...]:
    """Compare a given image with the recorded one: it may be a copy in another file.

    Args:
        image: the recorded description.
        given: as the caller gave it.
        scan: that image.
        folder: of the result.
        noise: by which the adversarial image differs from it.

    Returns:
        A note if it was read from another file than the recorded one.

    Raises:
        SegadvError: if its pixels are others: the saved noise does not lead to them.
    """
    hashes = {hash_of(scan.array)} if isinstance(given, Scan) else _hashes(scan)
    if image.text("sha256") in hashes:
        return ()
    saved = _saved_noise(folder, scan)
    if saved is not None and not np.array_equal(saved, noise.astype(np.float32)):
        raise SegadvError(
            f"{scan.name}: is not the image that {folder.name} was made from (its adversarial "
            f"image less its {NOISE} is another); open it with the image that was attacked"
        )
    if isinstance(given, Scan) or image.values.get("path") is None:
        return ()
    return (OTHER_FILE if saved is not None else UNKNOWN_FILE,)


def _hashes(scan: Scan) -> set[str]:
    """Return the hashes of an image's file and of its pixels, which are recorded without one."""
    return {image_hash(scan), hash_of(scan.array)}


def _saved_noise(folder: Path, scan: Scan) -> Array | None:
    """Return a result's noise in the image's own units; None if its file is not there."""
    if not scan.parts:
        file = folder / f"{NOISE}{ARRAY}"
        return read_array(file, scan.array.shape) if file.exists() else None
    places = [of_channel(folder / NOISE, n) for n in range(len(scan.parts))]
    files = [place.with_name(place.name + ARRAY) for place in places]
    if not all(file.exists() for file in files):
        return None
    return np.stack([read_array(file, scan.grid.shape) for file in files], axis=-1)


def changed_since(result: Entry, place: Path | list[Path]) -> SegadvError | None:
    """Return what is wrong if the adversarial image's files are not those that were saved.

    Args:
        result: the contents of `result.json`.
        place: of the adversarial image, or of each channel.
    """
    recorded = stored_hash(result)
    paths = [place] if isinstance(place, Path) else place
    try:
        if recorded is None or stored_as(paths)["sha256"] == recorded:
            return None
    except OSError as error:
        reason = error.strerror or error
        return SegadvError(f"{paths[0]}: can't be read ({reason}); restore it from a copy")
    shown = paths[0] if len(paths) == 1 else f"{paths[0]} to {paths[-1].name}"
    return SegadvError(
        f"{shown}: has changed since the result was saved (sha256); restore it from a copy"
    )


def adversarial_in(folder: Path, clean: Scan, names: Sequence[str] = ()) -> Path | list[Path]:
    """Find the adversarial image: as recorded, in the clean image's format, or in any other.

    Of several channels, there is one for each.

    Args:
        folder: of the result.
        clean: the image that was attacked.
        names: of the recorded files.

    Raises:
        SegadvError: if there is none.
    """
    if not clean.parts:
        return _adversarial(folder, ADVERSARIAL, clean, names)
    stems = [of_channel(Path(ADVERSARIAL), n).name for n in range(clean.channels)]
    pairs = zip(stems, clean.parts, strict=True)
    return [_adversarial(folder, stem, part, names) for stem, part in pairs]


def _adversarial(folder: Path, name: str, clean: Scan, names: Sequence[str]) -> Path:
    """Find an adversarial image of one channel by its name without a suffix."""
    known = {end for form in formats() if form.write is not None for end in form.suffixes}
    if (folder / name).is_dir():
        return folder / name
    found = [p for p in folder.glob(f"{name}.*") if p.is_file() and suffix(p) in known]
    try:
        best = f"{name}{io.output_format(clean)[0]}"
    except SegadvError:
        # The clean image's file is gone, and with it its format.
        best = ""
    if not found:
        raise SegadvError(f"{folder}: holds no adversarial image; {COPY}")
    return min(found, key=lambda path: (path.name not in names, path.name != best, path.name))


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
    shapes = {
        "displacement": (*scan.grid.shape, scan.grid.ndim),
        "intensity": scan.array.shape,
    }
    files = {name: folder / f"{name}{ARRAY}" for name in shapes}
    found = {n: read_array(file, shapes[n]) for n, file in files.items() if file.exists()}
    places = [of_channel(folder / "intensity", n) for n in range(len(scan.parts))]
    shading = [place.with_name(place.name + ARRAY) for place in places]
    if shading and shading[0].exists():
        arrays = [read_array(file, scan.grid.shape) for file in shading]
        found["intensity"] = np.stack(arrays, axis=-1)
    return found


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
