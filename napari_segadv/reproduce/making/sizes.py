"""Halmosi 2024: each structure of a case before and after the worst of several attacks."""

from collections.abc import Callable, Generator
from dataclasses import asdict
from typing import Any

from ...attacks.methods.worst import Worst
from ...data.scan import Mask
from ...io.cases import Case
from ...measures.by_structure import fallen
from ..bench import Bench
from ..real_scan import RealScan

STEPS = 60
# A cell: each structure of a case, and how well it is found in the real-number image and in the
# same image rounded to what its file holds.
OURS, ROUNDED = "ours", "rounded"
Cell = dict[str, list[dict[str, Any]]]


def cell(bench: Bench) -> Callable[[float, Case], Generator[Any, None, Cell]]:
    """Return a function that crafts the worst example of a case, and measures its structures."""

    def make(percent: float, case: Case) -> Generator[Any, None, Cell]:
        victim, epsilon = bench.victim, bench.window * percent / 100
        attack = Worst(epsilon=epsilon, steps=bench.steps(STEPS))
        example = yield from bench.attack(RealScan.of(case.scan), attack, truth=case.mask)
        truth = victim.task.wanted(case.mask, "truth", case.scan, victim)
        before = example.prediction_clean
        found = {}
        for name, after in (
            (OURS, example.prediction_adversarial),
            (ROUNDED, bench.rounded_prediction(example, epsilon)),
        ):
            # `worst` is for victims that predict label maps alone.
            assert isinstance(before, Mask)
            assert isinstance(after, Mask)
            found[name] = [asdict(one) for one in fallen(truth, before, after)]
        return found

    return make
