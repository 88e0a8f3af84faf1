"""Ozbulak 2019: targets of one structure on its ground, and every step on the way to them."""

from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ... import targets
from ...attacks.methods.asma import ASMA, PAPER_STEPS
from ...data.scan import Array, Mask
from ...io.cases import Case
from ...measures.labels import Overlap
from ..bench import Bench, Step
from ..real_scan import RealScan

PUBLISHED, OURS = "preset paper", "default"
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


def cell(bench: Bench) -> Callable[[str, Case], Generator[Any, None, dict[str, Any]]]:
    """Return a function that makes a cell: the steps of an attack by its name, a point each.

    "rounded" is the last image of PUBLISHED, or the best of OURS, as its file would hold it.
    """
    attacks = {
        PUBLISHED: ASMA(preset="paper", steps=bench.steps(PAPER_STEPS)),
        OURS: ASMA(steps=bench.steps(PAPER_STEPS // 10), goal=None),
    }
    labels = changing(bench)

    def make(name: str, case: Case) -> Generator[Any, None, dict[str, Any]]:
        target = target_of(bench, bench.predict(case.scan))
        problem = bench.problem(RealScan.of(case.scan), target=target)
        chosen: list[tuple[Point, Step]] = []

        def look(step: Step) -> Point:
            found = point(step, target.array, labels, bench.window)
            if name == PUBLISHED or not chosen or found.iou > chosen[0][0].iou:
                chosen[:] = [(found, step)]
            return found

        path = bench.path(attacks[name], problem, look)
        ((_, step),) = chosen
        file = bench.as_file(case.scan, problem.clean.cpu() + step.noise)
        told = replace(step, labels=bench.predict(file, case.scan).array)
        every = KEPT if name == PUBLISHED else 1
        return {
            "path": [asdict(one) for one in (*path[:-1:every], path[-1])],
            "rounded": point(told, target.array, labels, bench.window).iou,
            "structure": " and ".join(bench.victim.classes[n] for n in labels)
            if bench.victim.classes
            else str(labels),
        }
        yield

    return make


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
