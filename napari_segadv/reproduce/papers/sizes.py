"""Halmosi 2024: what the worst of several attacks leaves of each class, and of small structures."""

from collections.abc import Generator
from typing import Any

from ...attacks.methods.worst import Worst
from ...data.scan import Mask
from ...io.cases import Case
from ...measures.by_structure import Fallen, Group, by_class, by_size, fallen
from ..bench import Bench, Curve, Report, Running

NAME = "sizes"
TITLE = "What the worst of several attacks leaves, by class and by size"
SOURCE = "Halmosi et al. 2024 (size bias), with the attacks of Croce et al. 2024"
VICTIM = "demo:fundus"
CASES = 4
SURROGATE = False

# Budgets in percent of the window that the victim sees.
PERCENTS = (0.2, 0.4, 0.8)
STEPS = 60


def run(bench: Bench) -> Running:
    """Run `worst` away from the truth at each budget; report Dice by class and by thirds of size.

    A structure is a class in one image. Thirds hold equally many structures of all cases.
    """
    percents = bench.some(PERCENTS)

    def make(percent: float, case: Case) -> Generator[Any, None, list[Fallen]]:
        attack = Worst(epsilon=bench.window * percent / 100, steps=bench.steps(STEPS))
        example = yield from bench.attack(case.scan, attack, truth=case.mask)
        victim = bench.victim
        truth = victim.task.wanted(case.mask, "truth", case.scan, victim)
        before, after = example.prediction_clean, example.prediction_adversarial
        # `worst` is for victims that predict label maps alone.
        assert isinstance(before, Mask)
        assert isinstance(after, Mask)
        return fallen(truth, before, after)

    made = yield from bench.each(percents, make, lambda p: f"{p:g} % of the window")
    groups = [_groups([one for case in row for one in case]) for row in made]
    rows = [
        (
            percent,
            bench.window * percent / 100,
            one.name,
            one.count,
            100 * one.before,
            100 * one.after,
        )
        for percent, listed in zip(percents, groups, strict=True)
        for one in listed
    ]
    curves = [
        Curve(
            same[0].name,
            [0.0, *percents],
            [100 * same[0].before, *(100 * one.after for one in same)],
        )
        for same in zip(*groups, strict=True)
    ]
    return Report(
        (
            "epsilon, % of window",
            "epsilon in image units",
            "structures",
            "number",
            "Dice x 100, clean",
            "Dice x 100, worst",
        ),
        rows,
        curves,
        ("epsilon, % of the window", "Dice with the truth x 100"),
        [_finding(percent, row) for percent, row in zip(percents, made, strict=True)],
    )


def _groups(structures: list[Fallen]) -> list[Group]:
    """Return the groups by class, then those by size."""
    return [*by_class(structures), *by_size(structures)]


def _finding(percent: float, row: list[list[Fallen]]) -> str:
    thirds = by_size([one for case in row for one in case])
    small, large = thirds[0], thirds[-1]
    lost = [(one.before - one.after) / max(one.before, 1e-9) for one in (small, large)]
    return (
        f"At {percent:g} % of the window the smallest structures ({small.name}) lose "
        f"{100 * lost[0]:.0f} % of their Dice, the largest ({large.name}) {100 * lost[1]:.0f} % "
        f"(paper: small ones lose more; {'so they do' if lost[0] > lost[1] else 'not so'} here)."
    )
