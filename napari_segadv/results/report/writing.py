"""Writes the report of one run: gathers what it says, fills the page, and saves it as one file."""

import base64
import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ...common.atomic_files import check_place, write_text
from ...common.generators import finished, relayed
from ...common.wording import printable, with_units
from ...data.scan import Mask, Scan
from ...errors import SegadvError
from ...measures.by_window import Looking, Seen, seen_steps, worst
from ..example import Example
from ..files import RESULT
from ..loading import load_example, load_verdicts
from ..sources import Saved
from ..verdicts import Verdict
from .command import attack_command, files_to_give, repeat_command
from .facts import (
    attack_facts,
    budget_in_brief,
    hashes,
    image_facts,
    machine_facts,
    model_facts,
)
from .figures import figures_of, headline, tiles
from .pictures import stops
from .privacy import without_names, without_places
from .structures import structures_of
from .viewed import view_of
from .views import Window, planes_of, structure_of, windows_in

HERE = Path(__file__).parent
PAGE, STYLE, SUFFIX = "page.html", "page.css", ".html"
# Shares of the work: measuring takes most of it.
MEASURED, DRAWN = 80, 95


@dataclass(frozen=True)
class Writing:
    """How far the writing of a report is, in percent."""

    step: int
    steps: int = 100

    def __str__(self) -> str:
        return "measuring" if self.step < MEASURED else "drawing"


def report(
    run: Example | str | Path,
    path: str | Path,
    *,
    verdicts: Mapping[int, Verdict] | None = None,
    image: Scan | str | Path | Sequence[str | Path] | None = None,
    overwrite: bool = False,
    poll: Callable[[], None] = lambda: None,
) -> Path:
    """Write the report of one run: an HTML file that needs no network and no other file.

    It says what the image is (never whose), what the model is, what was asked and what came out,
    with pictures in every window that fits the image, and how to make the image again.

    Args:
        run: an example, or the folder of a saved one.
        path: of the file, which ends in .html; the folders above it are made.
        verdicts: of a reader, by number of the slice; None: those in the folder, if there are any.
        image: the image of a saved run, if it has moved or had no file; of an image of several
            channels, the files of all.
        overwrite: replace a file that is there.
        poll: called often; it may raise, and then nothing is written.

    Returns:
        The path.

    Raises:
        SegadvError: if the run can't be read, or the file exists or can't be written.

    Examples:
        >>> import napari_segadv as sa
        >>> from napari_segadv.samples import phantom
        >>> victim = sa.load_victim("demo:chest-xray")
        >>> attack = sa.attacks.FGSM(epsilon=2.0)
        >>> example = sa.craft(phantom("chest-xray", seed=20001)[0], victim, attack)
        >>> page = sa.report(example, "report.html").read_text(encoding="utf-8")
        >>> "no pixel may change by more than 2 grey levels" in page
        True
    """
    return finished(
        report_steps(run, path, verdicts=verdicts, image=image, overwrite=overwrite, poll=poll)
    )


def report_steps(
    run: Example | str | Path,
    path: str | Path,
    *,
    verdicts: Mapping[int, Verdict] | None = None,
    image: Scan | str | Path | Sequence[str | Path] | None = None,
    overwrite: bool = False,
    poll: Callable[[], None] = lambda: None,
) -> Generator[Writing, None, Path]:
    """Write a report as `report` does, and say after each piece how far it is."""
    path = Path(path)
    check_page(path, overwrite)
    stored: Mapping[str, Any] | None = None
    if isinstance(run, Example):
        example = run
    else:
        example, found, stored = _opened(run, image)
        verdicts = found if verdicts is None else verdicts
    example = without_names(example)
    windows = windows_in(example)

    def measured(share: float) -> Writing:
        poll()
        return Writing(int(MEASURED * share))

    table = yield from relayed(_measuring(example, windows), measured)
    planes = planes_of(example, table, poll)
    views = []
    for number, plane in enumerate(planes):
        views.append(view_of(example, plane, windows, f"p{number}"))
        poll()
        yield Writing(MEASURED + (DRAWN - MEASURED) * (number + 1) // len(planes))
    facts = page_facts(example, windows, table, verdicts or {}, stored)
    text = _environment().get_template(PAGE).render(views=views, **facts)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    return path


def _measuring(example: Example, windows: Sequence[Window]) -> Looking:
    """Measure how visible the change is in each window, one channel after the other."""
    channels = list(dict.fromkeys(one.channel for one in windows))
    table: list[Seen] = []
    for done, channel in enumerate(channels):
        before, after = (scan.singles[channel] for scan in (example.clean, example.adversarial))
        steps = seen_steps(before, after, [one.preset for one in windows if one.channel == channel])

        def whole(share: float, done: int = done) -> float:
            return (done + share) / len(channels)

        table += yield from relayed(steps, whole)
    return tuple(table)


def check_page(path: Path, overwrite: bool) -> None:
    """Refuse a place for a report before anything is computed.

    Raises:
        SegadvError: if it does not end in .html, is a folder, or exists and is not to be replaced.
    """
    if path.suffix.lower() not in (SUFFIX, ".htm"):
        raise SegadvError(f"{path}: is no name of a web page; let it end in {SUFFIX}")
    if path.is_dir():
        raise SegadvError(f"{path}: is a folder; name a file")
    check_place(path)
    if path.exists() and not overwrite:
        raise SegadvError(f"{path}: exists already; name another file or add --overwrite")


def _opened(
    folder: str | Path, image: Scan | str | Path | Sequence[str | Path] | None
) -> tuple[Example, dict[int, Verdict], Mapping[str, Any]]:
    """Open a saved run: the example with its target, its verdicts, and its adversarial file."""
    saved = Saved.at(folder)
    if saved.path.name != RESULT:
        raise SegadvError(f"{saved.path}: is not called {RESULT}; choose the folder of a result")
    if image is None:
        # Refuses an image that is gone with the remedy of this command; it is read below.
        saved.image()
    example = load_example(saved.folder, image)
    if example.target is None and saved.goal == "targeted":
        example = replace(example, target=saved.target(example.clean))
    stored = saved.entry.values.get("adversarial", {})
    return example, load_verdicts(saved.folder, example), stored


def page_facts(
    example: Example,
    windows: tuple[Window, ...],
    table: tuple[Seen, ...],
    verdicts: Mapping[int, Verdict],
    stored: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return everything that the page says, by its names in the template.

    Args:
        example: the run.
        windows: that its image is read in.
        table: how visible the change is in each of them.
        verdicts: of a reader, by number of the slice.
        stored: what `result.json` says of the adversarial file; None if the run is not saved.
    """
    scan, record = example.clean, example.record
    style = (HERE / STYLE).read_text(encoding="utf-8")
    targeted = record["goal"] == "targeted"
    listed = [
        {"slice": number, "said": one.said or "\N{EN DASH}", "note": one.note}
        for number, one in sorted(verdicts.items())
    ]
    notes = (without_places(note, scan, record) for note in example.notes)
    return {
        "style": Markup(style),
        "style_hash": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        "stops": stops(),
        "summary": _summary(example),
        "headline": headline(example),
        "tiles": tiles(example, table),
        "budget": budget_in_brief(example),
        "structures": structures_of(example),
        "outcome": _outcome(example),
        "target_gone": targeted and example.target is None,
        "figures": figures_of(example, table),
        "visibility": _visibility(windows, table),
        "units": "of its channel" if scan.parts else with_units("", scan.units).strip(),
        "volume": scan.grid.ndim == 3,
        "verdicts": listed or None,
        "image": image_facts(scan),
        "model": model_facts(example),
        "attack": attack_facts(example),
        "notes": list(dict.fromkeys(notes)),
        "repeat": repeat_command(),
        "command": attack_command(example),
        "stand_for": files_to_give(example),
        "hashes": hashes(example, stored),
        "machine": machine_facts(record),
    }


def _summary(example: Example) -> str:
    """Say in two or three sentences what was done, and whether it worked."""
    label = structure_of(example)
    before = example.prediction_clean
    if example.record["goal"] != "targeted":
        aim = "so that a model no longer predicts what is there"
    elif label and isinstance(before, Mask):
        aim = (
            "so that a model predicts what was painted as its target, above all for the structure "
            f"{before.class_name(label)}"
        )
    else:
        aim = "so that a model predicts what was chosen as its target"
    listed = [f"An image was changed {aim}.", headline(example)]
    if not isinstance(before, Mask):
        found = (before, example.prediction_adversarial, example.measures)
        listed.append(f"The prediction: {example.task.headline(*found)}.")
    return " ".join(listed)


def _outcome(example: Example) -> list[tuple[str, str]]:
    """Return the predictions in words, for tasks without structures."""
    shown = (
        ("before", example.prediction_clean),
        ("asked", example.target),
        ("after", example.prediction_adversarial),
    )
    return [(name, example.task.listing(one)) for name, one in shown if one is not None]


def _visibility(windows: tuple[Window, ...], table: tuple[Seen, ...]) -> list[dict[str, Any]]:
    least, several = worst(table), len({window.channel for window in windows}) > 1
    dash = "\N{EN DASH}"
    return [
        {
            "name": window.name,
            "range": window.range,
            "ssim": dash if seen.ssim_shown is None else f"{seen.ssim_shown:.4f}",
            "psnr": "same" if seen.psnr_shown is None else f"{seen.psnr_shown:.1f}",
            "mean": f"{seen.mean_abs:.3g}"
            + (f" {with_units('', window.units).strip()}" if several else ""),
            "worst": seen is least,
        }
        for window, seen in zip(windows, table, strict=True)
    ]


def _environment() -> Environment:
    """Return the template's environment: what it fills in is escaped, and shown if it is hidden."""

    def visible(value: Any) -> Any:
        return printable(value) if type(value) is str else value

    return Environment(
        loader=FileSystemLoader(HERE, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
