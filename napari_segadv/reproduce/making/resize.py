"""Bortsova 2021, table 4: a structure that grows or shrinks about its centre."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from ... import targets
from ...io.cases import Case
from ...measures.labels import Overlap
from ..bench import BORTSOVA_WIDTH, Bench
from ..bortsova import STEPS, PaperPGD
from ..real_scan import RealScan

EPSILON = 0.04


@dataclass(frozen=True)
class Setting:
    """A structure, and the factor that it is scaled by."""

    label: int
    factor: float


def cell(bench: Bench) -> Callable[[Setting, Case], Generator[Any, None, dict[str, float]]]:
    """Return a function that makes a cell: the IoU of the resized structure with its target."""
    epsilon = bench.units(EPSILON, BORTSOVA_WIDTH)

    def make(setting: Setting, case: Case) -> Generator[Any, None, dict[str, float]]:
        target = targets.resize(case.mask, label=setting.label, size=setting.factor)
        attack = PaperPGD(epsilon=epsilon, steps=bench.steps(STEPS))
        example = yield from bench.attack(RealScan.of(case.scan), attack, target=target)
        rounded = bench.rounded_prediction(example, epsilon)
        return {
            name: Overlap.of(labels.array, target.array).iou(setting.label)
            for name, labels in (
                ("clean", example.prediction_clean),
                ("ours", example.prediction_adversarial),
                ("rounded", rounded),
            )
        }

    return make
