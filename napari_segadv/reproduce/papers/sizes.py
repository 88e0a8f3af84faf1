"""Halmosi 2024: what the worst of several attacks leaves of each class, and of small structures."""

from collections.abc import Sequence

from ...measures.by_structure import Fallen, Group, by_class, by_size
from ..bench import Bench
from ..making.sizes import OURS, ROUNDED, Cell, cell
from ..report import Curve, Report, Running

NAME = "sizes"
TITLE = "What the worst of several attacks leaves, by class and by size"
SOURCE = "Halmosi et al. 2024 (size bias), with the attacks of Croce et al. 2024"
VICTIM = "demo:fundus"
TASKS = ("segmentation",)
CASES = 4
SURROGATE = False

# Budgets in percent of the window that the victim sees.
PERCENTS = (0.2, 0.4, 0.8)


def run(bench: Bench) -> Running:
    """Run `worst` away from the truth at each budget; report Dice by class and by thirds of size.

    A structure is a class in one image. Thirds hold equally many structures of all cases.
    """
    percents = bench.some(PERCENTS)
    made = yield from bench.each(percents, cell(bench), "{:g} % of the window".format)
    groups = [groups_of(cells, OURS) for cells in made]
    rounded = [groups_of(cells, ROUNDED) for cells in made]
    rows = [
        (
            percent,
            bench.window * percent / 100,
            one.name,
            one.count,
            100 * one.before,
            100 * one.after,
            100 * same.after,
        )
        for percent, listed, others in zip(percents, groups, rounded, strict=True)
        for one, same in zip(listed, others, strict=True)
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
            f"Dice x 100, worst, rounded to {bench.rounded}",
        ),
        rows,
        curves,
        ("epsilon, % of the window", "Dice with the truth x 100"),
        [finding(percent, cells) for percent, cells in zip(percents, made, strict=True)],
    )


def structures_of(cells: Sequence[Cell], name: str) -> list[Fallen]:
    """Return the structures of all cases."""
    return [Fallen(**one) for cell in cells for one in cell[name]]


def groups_of(cells: Sequence[Cell], name: str) -> list[Group]:
    """Return the groups by class, then those by size."""
    structures = structures_of(cells, name)
    return [*by_class(structures), *by_size(structures)]


def finding(percent: float, cells: Sequence[Cell]) -> str:
    """Compare what the smallest structures lose with what the largest lose."""
    thirds = by_size(structures_of(cells, OURS))
    small, large = thirds[0], thirds[-1]
    lost = [(one.before - one.after) / max(one.before, 1e-9) for one in (small, large)]
    return (
        f"At {percent:g} % of the window the smallest structures ({small.name}) lose "
        f"{100 * lost[0]:.0f} % of their Dice, the largest ({large.name}) {100 * lost[1]:.0f} % "
        f"(paper: small ones lose more; {'so they do' if lost[0] > lost[1] else 'not so'} here)."
    )
