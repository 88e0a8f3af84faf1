"""Ozbulak 2019: ASMA as published, and our default in a tenth of the passes."""

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ... import targets
from ...attacks.methods.asma import ASMA, PAPER_STEPS
from ...data.scan import Array, Mask
from ...io.cases import Case
from ...measures.labels import Overlap
from ..bench import Bench, Step, mean, spread
from ..real_scan import RealScan
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
SIZE, LABEL = 0.6, 1
DISC, CUP = "disc", "cup"
# Of a run of thousands of steps, every so many are kept for the figure.
KEPT = 25


@dataclass(frozen=True)
class Point:
    """A step on the way to the target; L2 and Linf on an intensity scale from 0 to 1.

    Attributes:
        iou: of the structure that changes, which is the only one of the paper's networks.
        all: mean IoU of all structures.
        accuracy: share of the pixels at target.
    """

    step: int
    iou: float
    all: float
    accuracy: float
    l2: float
    linf: float


def changing(bench: Bench) -> tuple[int, ...]:
    """Return the labels that the target changes: disc and cup of an eye, or else the heart."""
    names = bench.victim.classes
    if DISC in names and CUP in names:
        return names.index(DISC), names.index(CUP)
    return (LABEL,)


def target_of(bench: Bench, clean: Mask) -> Mask:
    """Return the target: the disc where it is in the other eye, or a heart symbol of size 0.6."""
    labels = changing(bench)
    if len(labels) == 1:
        heart: Mask = targets.heart(clean, label=LABEL, size=SIZE)
        return heart
    own = np.isin(clean.array, labels)
    mirrored = clean.array[:, ::-1]
    array = np.where(own, 0, clean.array)
    return clean.with_array(np.where(np.isin(mirrored, labels), mirrored, array))


def run(bench: Bench) -> Running:
    """Attack with the paper's constants and with ours."""
    settings = {
        "preset paper": ASMA(preset="paper", steps=bench.steps(PAPER_STEPS)),
        "default": ASMA(steps=bench.steps(PAPER_STEPS // 10), goal=None),
    }
    labels = changing(bench)

    def make(name: str, case: Case) -> Generator[Any, None, dict[str, Any]]:
        scan = RealScan.of(case.scan)
        target = target_of(bench, bench.predict(case.scan))
        problem = bench.problem(scan, target=target)
        path = bench.path(
            settings[name], problem, lambda s: point(s, target.array, labels, bench.window)
        )
        every = KEPT if name == "preset paper" else 1
        return {
            "path": [asdict(one) for one in (*path[:-1:every], path[-1])],
            "structure": " and ".join(bench.victim.classes[n] for n in labels)
            if bench.victim.classes
            else str(labels),
        }
        yield

    made = yield from bench.each(list(settings), make)
    paper, ours = ([[Point(**one) for one in cell["path"]] for cell in cells] for cells in made)
    structure = made[0][0]["structure"]
    reached = [first_at(o, p[-1].iou) for o, p in zip(ours, paper, strict=True)]
    arrived = [one for one in reached if one is not None]
    rows: list[tuple[Any, ...]] = [(n, "2501", *values, "") for n, values in PAPER.items()]
    rows.append(row(f"preset paper, at its end ({structure})", [path[-1] for path in paper]))
    if arrived:
        cases = f"{len(arrived)} of {len(reached)} cases"
        rows.append(row(f"default, where it reaches that IoU ({cases})", arrived))
    rows.append(row("default, its best", [max(o, key=lambda p: p.iou) for o in ours]))
    return Report(
        (
            "attack",
            "steps",
            "IoU x 100 of what changes",
            "accuracy x 100",
            "L2",
            "Linf",
            "mean IoU x 100 of all structures",
        ),
        rows,
        [curve("preset paper", paper[0]), curve("default", ours[0])],
        ("passes", f"IoU of {structure} with the target x 100 (first case)"),
        findings(reached, paper),
    )


def point(step: Step, target: Array, labels: tuple[int, ...], window: float) -> Point:
    """Measure the image of a step.

    Args:
        step: the image and its prediction.
        target: label map (y, x).
        labels: that the target changes; together they are one structure, as in the paper.
        window: width of the intensity window.
    """
    overlap = Overlap.of(step.labels, target)
    one = Overlap.of(np.isin(step.labels, labels), np.isin(target, labels))
    noise = step.noise / window
    size = (float(noise.norm()), float(noise.abs().max()))
    return Point(step.number, one.iou(1), overlap.mean_iou(), overlap.accuracy(), *size)


def first_at(path: Sequence[Point], iou: float) -> Point | None:
    """Return the first point with at least this IoU; None if there is none."""
    return next((one for one in path if one.iou >= iou), None)


def row(name: str, found: Sequence[Point]) -> tuple[Any, ...]:
    """Return a row of ours."""
    return (
        name,
        f"{mean(p.step for p in found):.4g}",
        spread([100 * p.iou for p in found]),
        spread([100 * p.accuracy for p in found]),
        spread([p.l2 for p in found]),
        spread([p.linf for p in found]),
        spread([100 * p.all for p in found]),
    )


def curve(name: str, path: Sequence[Point]) -> Curve:
    """Return the curve of one case."""
    return Curve(name, [p.step for p in path], [100 * p.iou for p in path])


def findings(reached: Sequence[Point | None], paper: Sequence[Sequence[Point]]) -> list[str]:
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
    return sentences
