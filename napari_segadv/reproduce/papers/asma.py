"""Ozbulak 2019: ASMA as published, and the gradient-scaled default in a tenth of the passes."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from ... import targets
from ...attacks.methods.asma import ASMA, PAPER_STEPS
from ...data.scan import Array
from ...io.cases import Case
from ...measures.labels import Overlap
from ..bench import Bench, Curve, Report, Running, Step, mean

NAME = "asma"
TITLE = "The adaptive segmentation mask attack"
SOURCE = "Ozbulak et al. 2019 (glaucoma, ISIC)"
VICTIM = "demo:chest-xray"
CASES = 2
SURROGATE = False

# IoU x 100, pixel accuracy x 100, and L2 and Linf on an intensity scale from 0 to 1.
PAPER = {"paper, glaucoma": (97, 99, 2.47, 0.17), "paper, ISIC": (89, 98, 3.88, 0.16)}
SIZE, LABEL = 0.6, 1


@dataclass(frozen=True)
class Point:
    """A step on the way to the target; L2 and Linf on an intensity scale from 0 to 1."""

    step: int
    iou: float
    accuracy: float
    l2: float
    linf: float


def run(bench: Bench) -> Running:
    """Attack towards a heart of size 0.6, with the paper's constants and with ours."""
    settings = {
        "preset paper": ASMA(preset="paper", steps=bench.steps(PAPER_STEPS)),
        "default": ASMA(steps=bench.steps(PAPER_STEPS // 10), goal=None),
    }

    def make(name: str, case: Case) -> Generator[Any, None, list[Point]]:
        target = targets.heart(bench.victim.predict(case.scan), label=LABEL, size=SIZE)
        problem = bench.problem(case.scan, target=target)

        def look(step: Step) -> Point:
            return point(step, target.array, bench.window)

        return bench.path(settings[name], problem, look)
        yield

    paper, ours = yield from bench.each(list(settings), make)
    rows: list[tuple[Any, ...]] = [(n, "2501", *values, "", "") for n, values in PAPER.items()]
    rows.append(_row("preset paper, at its end", [path[-1] for path in paper], ""))
    reached = [first_at(o, p[-1].iou) for o, p in zip(ours, paper, strict=True)]
    arrived = [point for point in reached if point is not None]
    label = f"{len(arrived)} of {len(reached)} cases"
    if arrived:
        rows.append(_row("default, where it reaches that IoU", arrived, label))
    rows.append(_row("default, its best", [max(o, key=lambda p: p.iou) for o in ours], ""))
    return Report(
        ("attack", "steps", "IoU x 100", "accuracy x 100", "L2", "Linf", "reached in", "L2 ratio"),
        rows if not arrived else [*rows[:3], (*rows[3][:-1], _ratio(reached, paper)), *rows[4:]],
        [_curve("preset paper", paper[0]), _curve("default", ours[0])],
        ("passes", "IoU with the target x 100 (first case)"),
        _findings(reached, paper),
    )


def point(step: Step, target: Array, window: float) -> Point:
    """Measure the image of a step; `window` is the width of the intensity window."""
    overlap = Overlap.of(step.labels, target)
    noise = step.noise / window
    size = (float(noise.norm()), float(noise.abs().max()))
    return Point(step.number, overlap.mean_iou(), overlap.accuracy(), *size)


def first_at(path: list[Point], iou: float) -> Point | None:
    """Return the first point with at least this IoU; None if there is none."""
    return next((point for point in path if point.iou >= iou), None)


def _row(name: str, found: list[Point], reached: str) -> tuple[Any, ...]:
    return (
        name,
        mean(p.step for p in found),
        100 * mean(p.iou for p in found),
        100 * mean(p.accuracy for p in found),
        mean(p.l2 for p in found),
        mean(p.linf for p in found),
        reached,
        "",
    )


def _ratio(reached: list[Point | None], paper: list[list[Point]]) -> float:
    pairs = zip(reached, paper, strict=True)
    return mean(r.l2 / p[-1].l2 for r, p in pairs if r is not None and p[-1].l2)


def _curve(name: str, path: list[Point]) -> Curve:
    return Curve(name, [p.step for p in path], [100 * p.iou for p in path])


def _findings(reached: list[Point | None], paper: list[list[Point]]) -> list[str]:
    pairs = list(zip(reached, paper, strict=True))
    tenth = sum(r is not None and r.step <= len(p) / 10 for r, p in pairs)
    shorter = sum(r is not None and r.l2 <= p[-1].l2 for r, p in pairs)
    return [
        f"The default reaches the preset's final IoU in a tenth of its passes in {tenth} of "
        f"{len(paper)} cases, with no larger L2 in {shorter}."
    ]
