"""Bortsova 2021, table 1: untargeted attacks, white box."""

from collections.abc import Generator
from typing import Any

from ...attacks.methods.pgd import PGD
from ...io.cases import Case
from ...measures.labels import Overlap
from ...results.example import Example
from ..bench import BORTSOVA_WIDTH, Bench, Curve, Report, Running, mean

NAME = "untargeted"
TITLE = "Untargeted attacks, white box"
SOURCE = "Bortsova et al. 2021, table 1"
VICTIM = "demo:chest-xray"
CASES = 4
SURROGATE = False

EPSILONS = (0.01, 0.02, 0.04, 0.08, 0.16)
WHITE = (30.5, 0.8, 0.1, 0.0, 0.0)
BLACK = (87.4, 84.2, 74.7, 45.5, 12.7)
CLEAN = 90.3
STEPS = 100


def run(bench: Bench) -> Running:
    """Measure the IoU with the truth after sign steps of epsilon / 20 away from it (soft IoU)."""
    epsilons = bench.some(EPSILONS)
    ours = yield from ious(bench, epsilons, None)
    clean = clean_iou(bench)
    return table(bench, epsilons, ours, WHITE, clean, "white box")


def ious(bench: Bench, epsilons: Any, surrogate: Any) -> Generator[Any, None, list[float]]:
    """Return the mean IoU x 100 with the truth, for each epsilon."""

    def make(epsilon: float, case: Case) -> Generator[Any, None, Example]:
        attack = PGD(
            epsilon=bench.units(epsilon, BORTSOVA_WIDTH),
            steps=bench.steps(STEPS),
            step="sign",
            loss="soft-iou",
            goal=None,
        )
        return bench.attack(case.scan, attack, truth=case.mask, surrogate=surrogate)

    made = yield from bench.each(epsilons, make, lambda e: f"epsilon {e}")
    found = []
    for row in made:
        pairs = zip(row, bench.cases, strict=True)
        found.append(100 * mean(_iou(e.prediction_adversarial, case) for e, case in pairs))
    return found


def clean_iou(bench: Bench) -> float:
    """Return the mean IoU x 100 of the clean predictions with the truth."""
    device = "cpu" if bench.device == "auto" else bench.device
    return 100 * mean(_iou(bench.victim.predict(c.scan, device), c) for c in bench.cases)


def table(
    bench: Bench, epsilons: Any, ours: list[float], paper: Any, clean: float, label: str
) -> Report:
    """Make the table of one kind of attack."""
    published = [paper[EPSILONS.index(e)] for e in epsilons]
    rows: list[tuple[Any, ...]] = [("0 (clean)", 0.0, CLEAN, clean)]
    for epsilon, theirs, own in zip(epsilons, published, ours, strict=True):
        rows.append((epsilon, bench.units(epsilon, BORTSOVA_WIDTH), theirs, own))
    falls = ours[-1] < ours[0] < clean
    return Report(
        ("epsilon in [-1, 1]", "epsilon in image units", "paper, IoU x 100", "ours, IoU x 100"),
        rows,
        [Curve(f"paper, {label}", epsilons, published, True), Curve(label, epsilons, ours)],
        ("epsilon in [-1, 1]", "IoU with the truth x 100"),
        [f"More noise, less overlap: {'as in the paper' if falls else 'not so here'}."],
    )


def _iou(prediction: Any, case: Case) -> float:
    return Overlap.of(prediction.array, case.mask.array).mean_iou()
