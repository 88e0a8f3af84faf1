"""Results in words: one line, all parameters and figures, and several beside each other as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.wording import cell, share, with_units

if TYPE_CHECKING:
    from .example import Example

# Figures of a result by their names in `measures`; those in the image's units get them behind.
FIGURES = {
    "target_iou": "target IoU",
    "target_f1": "target F1",
    "target_probability": "target probability",
    "moved": "moved",
    "kept": "kept",
    "iou_with_clean": "IoU with clean",
    "dice_with_truth": "Dice with truth",
    "linf": "largest change",
    "mean_abs": "mean change",
    "l2": "L2",
    "linf_percent_of_window": "largest change (% of window)",
    "ssim": "SSIM",
    "psnr": "PSNR (dB)",
}
IN_UNITS = ("linf", "mean_abs", "l2")
# Of these more is better.
SHARES = (
    "target_iou",
    "target_f1",
    "target_probability",
    "moved",
    "kept",
    "dice_with_truth",
    "ssim",
)
SHORT = ("target_iou", "target_f1", "moved")

Rows = list[tuple[str, ...]]


def outcome(example: "Example") -> str:
    """What came out, briefly: method and budget, then goal and agreement with the target."""
    record = example.record
    goal = "goal reached" if example.succeeded else "goal missed"
    parts = [goal]
    name = next((n for n in SHORT if example.measures.get(n) is not None), None)
    if name is not None:
        parts.append(f"{FIGURES[name].removeprefix('target ')} {share(example.measures[name])}")
    return f"{record['method']}, {budget(record['budget'])}\n{', '.join(parts)}"


def budget(record: Mapping[str, Any]) -> str:
    """A budget with its units."""
    if record.get("epsilon") is None:
        return "no budget"
    # Without a word it is the largest change of a pixel.
    norm = "" if record["norm"] == "linf" else f" ({str(record['norm']).upper()})"
    size = with_units(format(record["epsilon"], "g"), record["units"])
    return f"\N{GREEK SMALL LETTER EPSILON} {size}{norm}"


def facts(example: "Example") -> dict[str, str]:
    """Everything about a result by name: where it comes from, its parameters, its figures."""
    record, measures = example.record, example.measures
    image, victim = record["image"], record["victim"]
    found = {
        "method": str(record["method"]),
        "kind": str(record["goal"]),
        "goal reached": "yes" if example.succeeded else "no",
        "image": Path(str(image.get("path") or "image")).name,
        "model": Path(str(victim.get("path") or "model")).name,
        "budget": budget(record["budget"]),
        "seed": str(record["seed"]),
        "steps taken": str(record["steps"]),
        "seconds": figure(record.get("seconds")),
    }
    # The budget says these as they were asked for.
    settings = {k: v for k, v in record["parameters"].items() if k not in ("epsilon", "norm")}
    found |= {name: figure(value) for name, value in settings.items() if name not in found}
    for name, title in FIGURES.items():
        if measures.get(name) is not None:
            title = f"{title} ({measures['units']})" if name in IN_UNITS else title
            found[title] = share(measures[name]) if name in SHARES else figure(measures[name])
    return found


def compared(names: Sequence[str], examples: Sequence["Example"]) -> Rows:
    """Results beside each other: a row of names, what differs of how they were made, figures.

    Args:
        names: of the results.
        examples: as many.
    """
    known = [facts(example) for example in examples]
    first = ("method", "kind", "goal reached", "budget", *FIGURES.values())
    titles = list(dict.fromkeys(title for one in known for title in one))
    told = [title for title in titles if title.startswith(first)]
    made = [title for title in titles if title not in told]
    values = {title: tuple(one.get(title, "") for one in known) for title in titles}
    differ = [title for title in made if len(set(values[title])) > 1]
    return [("", *names), *((title, *values[title]) for title in (*told, *differ))]


def as_csv(rows: Rows) -> str:
    """Rows for a spreadsheet."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([map(cell, row) for row in rows])
    return text.getvalue()


def figure(value: Any) -> str:
    """A value for people."""
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
