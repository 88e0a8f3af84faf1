"""The folder of a reproduction: table.md, table.csv, figure.png and result.json, all or nothing."""

import csv
import io as text
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.atomic_files import check_place, written_whole
from ..errors import SegadvError
from ..results.provenance import describe_versions, describe_victim
from .bench import Bench, Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from . import Paper

FILES = ("table.md", "table.csv", "figure.png", "result.json")


def refuse(folder: Path, overwrite: bool) -> None:
    """Raise SegadvError if a folder must not be written or overwritten."""
    if not (folder.exists() or folder.is_symlink()):
        check_place(folder)
        return
    if not overwrite:
        raise SegadvError(f"{folder}: exists already; name another folder or add --overwrite")
    ours = folder.is_dir() and all(path.name in FILES for path in folder.iterdir())
    if folder.is_symlink() or not ours:
        raise SegadvError(
            f"{folder}: is not a segadv reproduction, so it is not overwritten; name another folder"
        )


def save(folder: Path, paper: "Paper", bench: Bench, report: Report, overwrite: bool) -> None:
    """Write the folder.

    Raises:
        SegadvError: if it must not be overwritten or can't be written.
    """
    refuse(folder, overwrite)
    facts = about(paper, bench, report)
    with written_whole(folder, overwrite) as new:
        (new / "table.md").write_text(markdown(paper, report, facts), encoding="utf-8")
        (new / "table.csv").write_text(as_csv(report), encoding="utf-8")
        (new / "result.json").write_text(
            json.dumps(facts, indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )
        figure(paper, report).savefig(new / "figure.png")


def about(paper: "Paper", bench: Bench, report: Report) -> dict[str, Any]:
    """Describe where the table comes from, and the table itself."""
    return {
        "reproduction": paper.NAME,
        "source": paper.SOURCE,
        "victim": describe_victim(bench.victim, bench.victim.classes),
        "surrogates": [describe_victim(one, one.classes) for one in bench.surrogates],
        "cases": [case.scan.name for case in bench.cases],
        "quick": bench.quick,
        "seed": bench.seed,
        "passes": {"forward": round(bench.forwards), "backward": round(bench.backwards)},
        "seconds": round(time.perf_counter() - bench.started, 1),
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
        axes.legend(fontsize=8)
    return drawn


def shown(value: Any) -> str:
    """Format a cell for people: numbers with four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _row(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"
