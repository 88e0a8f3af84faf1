"""Bortsova 2021, table 4: a structure grows or shrinks about its centre."""

from collections.abc import Generator
from typing import Any

from ... import targets
from ...attacks.methods.pgd import PGD
from ...io.cases import Case
from ...results.example import Example
from ..bench import BORTSOVA_WIDTH, Bench, Curve, Report, Running, mean

NAME = "resize"
TITLE = "Resizing a structure"
SOURCE = "Bortsova et al. 2021, table 4 (78.3 to 99.4 over its structures and factors)"
VICTIM = "demo:chest-xray"
CASES = 3
SURROGATE = False

FACTORS = (0.4, 0.6, 0.8, 1.2, 1.4, 1.6, 1.8)
EPSILON = 0.04
STEPS = 100
LABEL = 1
LOW, HIGH = 78.3, 99.4


def run(bench: Bench) -> Running:
    """Measure the IoU of prediction and target at epsilon 0.04."""
    factors = bench.some(FACTORS)

    def make(factor: float, case: Case) -> Generator[Any, None, Example]:
        target = targets.resize(bench.victim.predict(case.scan), label=LABEL, size=factor)
        attack = PGD(
            epsilon=bench.units(EPSILON, BORTSOVA_WIDTH),
            steps=bench.steps(STEPS),
            step="sign",
            loss="soft-iou",
            goal=None,
        )
        return bench.attack(case.scan, attack, target=target)

    made = yield from bench.each(factors, make, lambda f: f"factor {f}")
    rows, alone = [], []
    for factor, examples in zip(factors, made, strict=True):
        per_class = [e.measures["target_iou_per_class"] for e in examples]
        name = next(iter(per_class[0]))
        iou = 100 * mean(e.measures["target_iou"] for e in examples)
        alone.append(100 * mean(p[name] for p in per_class))
        moved = 100 * mean(e.measures["moved"] for e in examples)
        rows.append((factor, f"{LOW} to {HIGH}", iou, alone[-1], moved))
    inside = sum(value >= LOW for value in alone)
    return Report(
        ("factor", "paper, IoU x 100", "ours, IoU x 100", "resized structure alone", "moved, %"),
        rows,
        [Curve("resized structure", list(factors), alone)],
        ("factor", "IoU with the target x 100"),
        [f"{inside} of {len(alone)} factors reach the paper's range for the structure alone."],
    )
