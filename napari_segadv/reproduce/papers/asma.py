"""Ozbulak 2019: ASMA as published, and our default in a tenth of the passes."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..bench import Bench, mean, spread
from ..making.asma import OURS, PUBLISHED, Point, cell
from ..report import Curve, Report, Running

NAME = "asma"
TITLE = "The adaptive segmentation mask attack"
SOURCE = "Ozbulak et al. 2019 (one structure on its ground, mean +- standard deviation over cases)"
VICTIM = "demo:chest-xray"
TASKS = ("segmentation",)
CASES = 10
SURROGATE = False

# IoU x 100, pixel accuracy x 100, and L2 and Linf on an intensity scale from 0 to 1.
PAPER = {
    "paper, glaucoma (optic disc)": ("97 +- 2", "99", "2.47 +- 1.05", "0.17 +- 0.09"),
    "paper, ISIC (skin lesion)": ("89 +- 10", "98", "3.88", "0.16"),
}


def run(bench: Bench) -> Running:
    """Attack with the paper's constants and with ours."""
    made = yield from bench.each([PUBLISHED, OURS], cell(bench))
    paper, ours = ([[Point(**one) for one in cell["path"]] for cell in cells] for cells in made)
    structure = made[0][0]["structure"]
    reached = [first_at(o, p[-1].iou) for o, p in zip(ours, paper, strict=True)]
    arrived = [one for one in reached if one is not None]
    rows: list[tuple[Any, ...]] = [(n, "2501", *values, "", "") for n, values in PAPER.items()]
    rows.append(row("clean", [path[0] for path in paper]))
    ends = [path[-1] for path in paper]
    rows.append(row(f"preset paper, at its end ({structure})", ends, made[0]))
    if arrived:
        cases = f"{len(arrived)} of {len(reached)} cases"
        rows.append(row(f"default, where it reaches that IoU ({cases})", arrived))
    rows.append(row("default, its best", [max(o, key=lambda p: p.iou) for o in ours], made[1]))
    return Report(
        (
            "attack",
            "steps",
            "IoU x 100 of what changes",
            "accuracy x 100",
            "L2",
            "Linf",
            "mean IoU x 100 of all structures",
            f"IoU x 100 of what changes, rounded to {bench.rounded}",
        ),
        rows,
        [curve("preset paper", paper[0]), curve("default", ours[0])],
        ("passes", f"IoU of {structure} with the target x 100 (first case)"),
        findings(bench, reached, paper),
    )


def first_at(path: Sequence[Point], iou: float) -> Point | None:
    """Return the first point with at least this IoU; None if there is none."""
    return next((one for one in path if one.iou >= iou), None)


def row(
    name: str, found: Sequence[Point], cells: Sequence[Mapping[str, Any]] = ()
) -> tuple[Any, ...]:
    """Return a row of ours; of some, `cells` hold the IoU of the images as files hold them."""
    return (
        name,
        f"{mean(p.step for p in found):.4g}",
        spread([100 * p.iou for p in found]),
        spread([100 * p.accuracy for p in found]),
        spread([p.l2 for p in found]),
        spread([p.linf for p in found]),
        spread([100 * p.all for p in found]),
        spread([100 * cell["rounded"] for cell in cells]) if cells else "",
    )


def curve(name: str, path: Sequence[Point]) -> Curve:
    """Return the curve of one case."""
    return Curve(name, [p.step for p in path], [100 * p.iou for p in path])


def findings(
    bench: Bench, reached: Sequence[Point | None], paper: Sequence[Sequence[Point]]
) -> list[str]:
    """Say in how many cases the default is as good in a tenth of the passes."""
    pairs = list(zip(reached, paper, strict=True))
    tenth = sum(r is not None and r.step <= p[-1].step / 10 for r, p in pairs)
    shorter = sum(r is not None and r.l2 <= p[-1].l2 for r, p in pairs)
    ratios = [r.l2 / p[-1].l2 for r, p in pairs if r is not None and p[-1].l2]
    sentences = [
        f"The default reaches the preset's final IoU in a tenth of its passes in {tenth} of "
        f"{len(paper)} cases, with no larger L2 in {shorter}."
    ]
    if ratios:
        sentences.append(f"Where it does, its L2 is {mean(ratios):.3g} of the preset's.")
    scan = bench.cases[0].scan
    size = " x ".join(map(str, scan.grid.shape))
    sentences.append(
        "L2 grows with the number of pixels and channels: the paper's images have 572 x 572 in "
        f"three channels, the first here {size} in {scan.channels}."
    )
    return sentences
