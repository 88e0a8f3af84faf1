"""The folder of a reproduction: table.md, table.csv, figure.png and, as the seal, result.json."""

import csv
import io as text
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.atomic_files import HALF, beside, check_place, clear_leftovers, write_text
from ..errors import SegadvError
from ..results.provenance import describe_versions, describe_victim
from .bench import Bench
from .cells import CELLS, hash_of
from .keys import of_case, of_words
from .report import Panel, Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from . import Paper

# From this number of curves on, the legend is small.
MANY = 6
# result.json is written last: a folder without it holds no complete table.
RESULT = "result.json"
# Only some tables have one.
PICTURE = "picture.png"
FILES = ("table.md", "table.csv", "figure.png", PICTURE, RESULT)


def check(folder: Path) -> None:
    """Raise SegadvError if a folder can't be that of a reproduction."""
    if not (folder.exists() or folder.is_symlink()):
        check_place(folder)
        return
    if folder.is_dir():
        clear_leftovers(folder)
    known = folder.is_dir() and all(
        path.name in (*FILES, CELLS) or path.name.startswith(HALF) for path in folder.iterdir()
    )
    if folder.is_symlink() or not known:
        raise SegadvError(
            f"{folder}: exists already and is not a segadv reproduction; name another folder"
        )


def identity(bench: Bench) -> str:
    """Return the hash of what determines a whole table."""
    return hash_of({**bench.key(), "cases": [of_case(case) for case in bench.cases]})


def written(folder: Path, what: str = "identity") -> str:
    """Return the identity of the table in a folder, as its seal tells; "" if there is none.

    Args:
        folder: of the table.
        what: "identity", or "words": the hash of the files that wrote it down.
    """
    try:
        found = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError):
        return "unreadable"
    return str(found.get(what, "unknown")) if isinstance(found, dict) else "unreadable"


def complete(folder: Path, own: str, words: str) -> bool:
    """Return whether a folder holds the table of this identity with all that belongs to it.

    Args:
        folder: of the table.
        own: what determines its figures, see `identity`.
        words: the hash of the files that write it down.
    """
    there = all((folder / name).is_file() for name in FILES if name != PICTURE)
    return there and (written(folder), written(folder, "words")) == (own, words)


def forget(folder: Path) -> None:
    """Remove a table, its seal first."""
    for name in reversed(FILES):
        (folder / name).unlink(missing_ok=True)


def save(folder: Path, paper: "Paper", bench: Bench, report: Report, own: str) -> None:
    """Write a table in place of an earlier one. Each file is written whole, result.json last.

    Args:
        folder: of the table.
        paper, bench, report: where the table comes from, and the table.
        own: its identity.

    Raises:
        SegadvError: if it can't be written.
    """
    facts = about(paper, bench, report, own)
    forget(folder)
    write_text(folder / "table.md", markdown(paper, report, facts))
    write_text(folder / "table.csv", as_csv(report))
    draw(folder / "figure.png", figure(paper, report))
    if report.panels:
        draw(folder / PICTURE, picture(paper, report))
    write_text(folder / RESULT, json.dumps(facts, indent=1, allow_nan=False) + "\n")


def draw(path: Path, drawn: "Figure") -> None:
    """Write a figure, whole."""
    with beside(path) as half:
        drawn.savefig(half / path.name)
        (half / path.name).replace(path)


def about(paper: "Paper", bench: Bench, report: Report, own: str) -> dict[str, Any]:
    """Describe where the table comes from, and the table itself."""
    return {
        "reproduction": paper.NAME,
        "source": paper.SOURCE,
        "identity": own,
        "words": of_words(paper),
        "victim": describe_victim(bench.victim, bench.victim.classes),
        "surrogates": [describe_victim(one, one.classes) for one in bench.surrogates],
        "cases": [case.scan.name for case in bench.cases],
        "quick": bench.quick,
        "seed": bench.seed,
        "passes": {"forward": round(bench.forwards), "backward": round(bench.backwards)},
        "seconds": round(bench.seconds, 1),
        "versions": describe_versions(),
        "columns": list(report.columns),
        "rows": [list(row) for row in report.rows],
        "findings": report.findings,
    }


def markdown(paper: "Paper", report: Report, facts: dict[str, Any]) -> str:
    """Return the table as Markdown, with its source, findings and cost."""
    lines = [f"## {paper.TITLE}", "", f"After {paper.SOURCE}.", ""]
    lines += [_row(report.columns), _row(["---"] * len(report.columns))]
    lines += [_row([shown(value) for value in row]) for row in report.rows]
    lines += ["", *[f"- {finding}" for finding in report.findings], ""]
    cases = len(facts["cases"])
    passes = facts["passes"]
    lines.append(
        f"Victim {facts['victim']['path']}, {cases} case{'s' * (cases != 1)}, seed "
        f"{facts['seed']}, {passes['forward']} forward and {passes['backward']} backward passes, "
        f"{facts['seconds']:.0f} s{', a smoke test' * facts['quick']}."
    )
    return "\n".join(lines) + "\n"


def as_csv(report: Report) -> str:
    """Return the table as CSV, with all its digits."""
    out = text.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(report.columns)
    writer.writerows(report.rows)
    return out.getvalue()


def figure(paper: "Paper", report: Report) -> "Figure":
    """Draw the report's curves."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(7, 4.5), dpi=120, layout="constrained")
    axes = drawn.add_subplot()
    colours: dict[str, str] = {}
    for curve in report.curves:
        # The paper's curve and ours of the same setting share a colour.
        setting = curve.label.removeprefix("paper, ")
        colour = colours.setdefault(setting, f"C{len(colours)}")
        style = "--" if curve.published else "-"
        axes.plot(curve.x, curve.y, style, marker="o", color=colour, label=curve.label)
    axes.set_xlabel(report.axes[0])
    axes.set_ylabel(report.axes[1])
    axes.set_title(f"{paper.TITLE}\n{paper.SOURCE}", fontsize=9)
    axes.grid(alpha=0.3)
    if report.curves:
        axes.legend(fontsize=6 if len(report.curves) > MANY else 8)
    return drawn


def picture(paper: "Paper", report: Report) -> "Figure":
    """Draw the report's panels."""
    from matplotlib.figure import Figure

    rows, columns = len(report.panels), max(len(row) for row in report.panels)
    drawn = Figure(figsize=(3.2 * columns, 3.4 * rows), dpi=100, layout="constrained")
    grid = drawn.subplots(rows, columns, squeeze=False)
    drawn.suptitle(f"{paper.TITLE}\n{paper.SOURCE}", fontsize=8)
    for row, line in zip(report.panels, grid, strict=True):
        for axes in line:
            axes.axis("off")
        for panel, axes in zip(row, line, strict=False):
            _panel(panel, axes)
    return drawn


def _panel(panel: Panel, axes: Any) -> None:
    low, high = panel.span
    colours = "RdBu_r" if panel.signed else "gray"
    image = panel.image if panel.image.ndim == 2 else (panel.image - low) / (high - low)
    axes.imshow(image, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    axes.set_title(panel.title, fontsize=8)
    if panel.labels is not None:
        for label in range(1, int(panel.labels.max()) + 1):
            if (panel.labels == label).any():
                axes.contour(panel.labels == label, [0.5], colors=f"C{label}", linewidths=1)


def shown(value: Any) -> str:
    """Format a cell for people: numbers with four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _row(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"
