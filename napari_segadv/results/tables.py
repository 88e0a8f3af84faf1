"""Results in words: in brief, with all parameters and figures, and side by side as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.budgets import norm_name
from ..common.wording import cell, share, with_units

if TYPE_CHECKING:
    from .example import Example

# Titles of a result's figures by their names in `measures`.
FIGURES = {
    "target_iou": "target IoU",
    "target_f1": "target F1",
    "target_probability": "target probability",
    "moved": "changed as asked",
    "kept": "left intact",
    "iou_with_clean": "IoU with clean",
    "dice_with_truth": "Dice with truth",
    "linf": "largest change",
    "mean_abs": "mean change",
    "l2": "L2",
    "linf_percent_of_window": "largest change (% of window)",
    "ssim": "SSIM",
    "psnr": "PSNR (dB)",
}
# Figures in the image's units, which are added to their titles.
IN_UNITS = ("linf", "mean_abs", "l2")
# Figures of which more is better: they are rounded down.
SHARES = (
    "target_iou",
    "target_f1",
    "target_probability",
    "moved",
    "kept",
    "dice_with_truth",
    "ssim",
)
# Figures for the brief result: the first that it has is shown.
SHORT = ("target_iou", "target_f1", "moved")

NO_BUDGET = "no budget"

Rows = list[tuple[str, ...]]


def outcome(example: "Example") -> str:
    """Describe a result in brief: method and budget, then goal and agreement with the target."""
    record = example.record
    parts = [example.ending]
    fit = (n for n in SHORT if example.measures.get(n) is not None)
    name = next((n for n in fit if n != "target_iou" or _draws(example.measures)), None)
    # How near an attack came to its goal is this very share, so it is not said twice.
    if name is not None and (example.succeeded or name != "moved"):
        parts.append(f"{FIGURES[name].removeprefix('target ')} {share(example.measures[name])}")
    limit = record["budget"].get("epsilon") is not None
    size = f"budget {budget(record['budget'])}" if limit else NO_BUDGET
    return f"{record['method']}, {size}\n{', '.join(parts)}"


def budget(record: Mapping[str, Any]) -> str:
    """Return a budget with its units."""
    if record.get("epsilon") is None:
        return NO_BUDGET
    # Linf, the largest change of a pixel, is not named.
    norm = "" if record["norm"] == "linf" else f" ({norm_name(str(record['norm']))})"
    size = with_units(format(record["epsilon"], "g"), record["units"])
    return f"{size}{norm}"


def facts(example: "Example") -> dict[str, str]:
    """Return all facts about a result by name: where it comes from, its parameters and figures."""
    record, measures = example.record, example.measures
    image, victim = record["image"], record["victim"]
    found = {
        "method": str(record["method"]),
        "kind": str(record["goal"]),
        "goal reached": "yes" if example.succeeded else "no",
        "image": _image(image),
        "model": Path(str(victim.get("path") or "model")).name,
        "budget": budget(record["budget"]),
        "seed": str(record["seed"]),
        "steps taken": str(record["steps"]),
        "seconds": figure(record.get("seconds")),
    }
    winner = _found_by(record)
    if winner:
        found["found by"] = winner
    # The budget already holds these.
    settings = {k: v for k, v in record["parameters"].items() if k not in ("epsilon", "norm")}
    found |= {name: figure(value) for name, value in settings.items() if name not in found}
    for name, title in FIGURES.items():
        if measures.get(name) is not None:
            title = f"{title} ({measures['units']})" if name in IN_UNITS else title
            found[title] = share(measures[name]) if name in SHARES else figure(measures[name])
    if measures.get("target_iou") is not None and not _draws(measures):
        found[FIGURES["target_iou"]] = "\N{EN DASH}"
    return found


def _found_by(record: Mapping[str, Any]) -> str:
    """Return which attack of several found the image; "" if there was one."""
    return ", ".join(record.get("details", {}).get("winner", ()))


def ensemble(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say which attack of several found the image, and what each has reached.

    Returns:
        Names and values; nothing if there was one attack.
    """
    if not _found_by(record):
        return []
    found = [("found by", _found_by(record))]
    for name, member in record["details"].get("members", {}).items():
        texts = [
            f"{title} {share(value)}"
            for figure, title in (("dice", "Dice"), ("moved", "changed"), ("kept", "left intact"))
            for value in member.get(figure, ())
            if value is not None
        ]
        found.append((f"reached by {name}", ", ".join(texts) or "-"))
    left = record["details"].get("left_out", ())
    return [*found, *((f"reached by {name}", "left out") for name in left)]


def _image(record: Mapping[str, Any]) -> str:
    """Return the name of an image's file, or those of its channels."""
    paths = [one.get("path") for one in record.get("channels", (record,))]
    return " + ".join(dict.fromkeys(Path(str(path or "image")).name for path in paths))


def _draws(measures: Mapping[str, Any]) -> bool:
    """Return whether a target has structures.

    The IoU of one without any says nothing: a single pixel that is left over makes it 0.
    """
    return bool(measures.get("target_iou_per_class"))


def compared(names: Sequence[str], examples: Sequence["Example"]) -> Rows:
    """Put results side by side: a row of names, outcomes and figures, and settings that differ.

    Args:
        names: one for each result.
        examples: the results.
    """
    known = [facts(example) for example in examples]
    first = ("method", "kind", "goal reached", "budget", *FIGURES.values())
    titles = list(dict.fromkeys(title for one in known for title in one))
    always = [title for title in titles if title.startswith(first)]
    settings = [title for title in titles if title not in always]
    values = {title: tuple(one.get(title, "") for one in known) for title in titles}
    differ = [title for title in settings if len(set(values[title])) > 1]
    return [("", *names), *((title, *values[title]) for title in (*always, *differ))]


def as_csv(rows: Rows) -> str:
    """Write rows as CSV for a spreadsheet."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([map(cell, row) for row in rows])
    return text.getvalue()


def figure(value: Any) -> str:
    """Return a value as text for people."""
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
