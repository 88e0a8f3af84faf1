"""Bortsova 2021: the paper's figures, and rows that set like beside like."""

from collections.abc import Mapping, Sequence
from typing import Any

from .bench import BORTSOVA_WIDTH, Bench, mean
from .bortsova import (
    ALL,
    EPSILONS,
    HEART,
    HEART_TRUTH,
    OTHERS,
    OTHERS_TRUTH,
    UNTARGETED,
    Setting,
)
from .report import Curve

WORDS = {
    ALL: "all structures with the truth",
    HEART: "heart with its target",
    HEART_TRUTH: "heart with the truth",
    OTHERS_TRUTH: "other structures with the truth",
    OTHERS: "other structures with the target",
}

# IoU x 100 by what is measured and of which attack; the first is that of the clean images, None
# where the paper does not give it.
Published = Mapping[tuple[str, str], tuple[float | None, ...]]
# Table 1, 2 (both halves) and 3. Table 3 is of the other structures with the truth, which is their
# target in the paper. It says of small hearts only that it is 98.9 or more.
WHITE: Published = {
    (ALL, UNTARGETED): (90.3, 30.5, 0.8, 0.1, 0.0, 0.0),
    (HEART, "small"): (None, 88.0, 96.9, 97.8, 98.4, 98.6),
    (HEART, "large"): (None, 66.7, 83.2, 95.2, 98.7, 99.1),
    (HEART_TRUTH, "small"): (87.3, 38.4, 34.8, 34.4, 34.6, 34.4),
    (HEART_TRUTH, "large"): (87.3, 62.5, 50.1, 43.7, 42.0, 41.8),
    (OTHERS, "large"): (None, 86.7, 95.2, 99.4, 99.6, 99.6),
}
BLACK: Published = {
    (ALL, UNTARGETED): (90.3, 87.4, 84.2, 74.7, 45.5, 12.7),
    (HEART, "small"): (None, 34.3, 35.3, 36.8, 41.2, 28.9),
    (HEART, "large"): (None, 43.3, 43.2, 43.4, 38.9, 13.1),
    (HEART_TRUTH, "small"): (87.3, 85.5, 85.1, 84.0, 73.4, 22.0),
    (HEART_TRUTH, "large"): (87.3, 85.8, 85.2, 84.8, 77.8, 26.0),
}
LEAST_OTHERS_SMALL = "98.9 or more"


# What even the target itself does not reach wholly: it differs from the truth.
CAPPED = (HEART_TRUTH, OTHERS_TRUTH)


def average(cells: Sequence[Mapping[str, float]], name: str) -> float | str:
    """Return the mean over the cases x 100; "" if no case has it."""
    values = [one[name] for one in cells if name in one]
    return 100 * mean(values) if values else ""


def headings(bench: Bench) -> tuple[str, ...]:
    """Return the headings of every table of the paper that is by epsilon."""
    return (
        "attack",
        "IoU x 100 of",
        "epsilon in [-1, 1]",
        "epsilon in image units",
        "paper",
        "ours",
        f"ours, rounded to {bench.rounded}",
    )


def rows(
    bench: Bench,
    found: Mapping[Setting, Sequence[Mapping[str, float]]],
    measured: Sequence[tuple[str, str]],
    published: Published,
) -> list[tuple[Any, ...]]:
    """Make the rows of a table.

    Args:
        bench: gives the units.
        found: the cells of each setting.
        measured: what is measured, and of which aim, a block of rows for each.
        published: the paper's figures.
    """
    made: list[tuple[Any, ...]] = []
    for name, aim in measured:
        attack = aim if aim == UNTARGETED else f"{aim} heart"
        for setting in [setting for setting in found if setting.aim == aim]:
            cells, units = found[setting], bench.units(setting.epsilon, BORTSOVA_WIDTH)
            paper = theirs(published, name, setting)
            head = (attack, WORDS[name], setting.epsilon or "0 (clean)", units, paper)
            made.append((*head, average(cells, name), average(cells, f"{name} rounded")))
            if name in CAPPED and aim != UNTARGETED and not setting.epsilon:
                goal = average(cells, f"{name} at goal")
                made.append((attack, WORDS[name], "the target itself", "", "", goal, ""))
    return made


def theirs(published: Published, name: str, setting: Setting) -> float | str:
    """Return the paper's figure; "" if it gives none."""
    if (name, setting.aim) not in published:
        small = name == OTHERS and setting.aim == "small" and published is WHITE
        return LEAST_OTHERS_SMALL if small and setting.epsilon else ""
    value = published[name, setting.aim][(0.0, *EPSILONS).index(setting.epsilon)]
    return "" if value is None else value


def curves(
    found: Mapping[Setting, Sequence[Mapping[str, float]]],
    measured: Sequence[tuple[str, str]],
    published: Published,
) -> list[Curve]:
    """Make two curves for each thing that is measured: the paper's and ours of the same."""
    made = []
    for name, aim in measured:
        settings = [setting for setting in found if setting.aim == aim and setting.epsilon]
        x = [setting.epsilon for setting in settings]
        label = WORDS[name] if aim == UNTARGETED else f"{aim}, {WORDS[name]}"
        paper = [theirs(published, name, setting) for setting in settings]
        ours = [average(found[setting], name) for setting in settings]
        if all(isinstance(value, float) for value in paper):
            made.append(Curve(f"paper, {label}", x, [float(v) for v in paper], True))
        if all(isinstance(value, float) for value in ours):
            made.append(Curve(label, x, [float(v) for v in ours]))
    return made
