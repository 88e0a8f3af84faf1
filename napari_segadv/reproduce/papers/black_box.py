"""Bortsova 2021, tables 1 and 2, black box: crafted on a surrogate, measured on the victim."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..bench import BORTSOVA_WIDTH, Bench
from ..bortsova import (
    ALL,
    HEART,
    HEART_TRUTH,
    OTHERS,
    OTHERS_TRUTH,
    SIZES,
    UNTARGETED,
    Setting,
    cell,
    with_clean,
)
from ..bortsova_table import BLACK, WORDS, average, curves, headings, rows
from ..carried import NONE, options_for
from ..report import Report, Running

NAME = "black-box"
TITLE = "Black box by surrogate, untargeted and towards a heart"
SOURCE = "Bortsova et al. 2021, table 1 (all structures) and 2 (the heart alone), black box"
VICTIM = "demo:chest-xray"
TASKS = ("segmentation",)
CASES = 20
SURROGATE = True

IN_PAPER = [(ALL, UNTARGETED), *((name, size) for name in (HEART, HEART_TRUTH) for size in SIZES)]
MEASURED = [*IN_PAPER, *((name, size) for name in (OTHERS_TRUTH, OTHERS) for size in SIZES)]


# What an option is measured by: the attack away from the truth, and that towards this heart.
LARGE = "large"
BY_OPTION = {UNTARGETED: ALL, LARGE: HEART}

Found = Mapping[Setting, Sequence[Mapping[str, float]]]


def run(bench: Bench) -> Running:
    """Craft both attacks on the surrogate, and the untargeted one on the victim to compare.

    At the largest epsilon, both are also crafted with the options that let noise carry over.
    """
    settings = with_clean(bench, [UNTARGETED, *SIZES], "black")
    last = settings[-1].epsilon
    white = Setting(UNTARGETED, last)
    options = [
        Setting(aim, last, "black", carried=option)
        for aim in BY_OPTION
        for option in options_for(len(bench.surrogates))
    ]
    # Without an option, it is a setting of the paper's, which is there already.
    every = [*settings, white, *(one for one in options if one.carried != NONE)]
    made = yield from bench.each(every, cell(bench))
    cells = dict(zip(every, made, strict=True))
    found = {setting: cells[setting] for setting in settings}
    carried = {setting: cells[setting] for setting in options}
    return Report(
        headings(bench),
        [*rows(bench, found, MEASURED, BLACK), *rows_by_option(bench, carried)],
        curves(found, IN_PAPER, BLACK),
        ("epsilon in [-1, 1]", "IoU x 100"),
        [*findings(found, cells[white], last), *findings_by_option(bench, carried)],
    )


def findings(found: Found, white: Sequence[Mapping[str, float]], last: float) -> list[str]:
    """Compare black with white box at the last epsilon, and hearts with those of clean images."""
    black = float(average(found[Setting(UNTARGETED, last, "black")], ALL))
    in_white = float(average(white, ALL))
    # Nearer than the clean prediction is by more than a point, at any budget.
    nearer = any(
        float(average(cells, HEART))
        > 1 + float(average(found[Setting(s.aim, 0.0, "black")], HEART))
        for s, cells in found.items()
        if s.aim != UNTARGETED
    )
    return [
        f"At epsilon {last} the black box leaves an IoU of {black:.1f} with the truth, the "
        f"white box {in_white:.1f}: "
        + ("the black box is weaker" if black > in_white else "the black box is not weaker")
        + " (paper: weaker).",
        "The targeted black box brings "
        + ("hearts nearer to their target" if nearer else "no heart nearer to its target")
        + " by more than a point. The paper does not give those of clean images; from its smallest "
        "budget on, small ones come nearer at .04 and .08, and large ones nowhere.",
    ]


def rows_by_option(bench: Bench, carried: Found) -> list[tuple[Any, ...]]:
    """Make a row for each aim and option; the paper has none of them."""
    words = options_for(len(bench.surrogates))
    made: list[tuple[Any, ...]] = []
    for setting, cells in carried.items():
        aim, name = setting.aim, BY_OPTION[setting.aim]
        attack = aim if aim == UNTARGETED else f"{aim} heart"
        units = bench.units(setting.epsilon, BORTSOVA_WIDTH)
        head = (f"{attack}, {words[setting.carried]}", WORDS[name], setting.epsilon, units, "")
        made.append((*head, average(cells, name), average(cells, f"{name} rounded")))
    return made


def findings_by_option(bench: Bench, carried: Found) -> list[str]:
    """Say which option is the strongest of each aim, and what it gains."""
    words = options_for(len(bench.surrogates))

    def by_option(aim: str) -> dict[str, float]:
        return {
            words[setting.carried]: float(average(cells, BY_OPTION[aim]))
            for setting, cells in carried.items()
            if setting.aim == aim
        }

    away, heart = by_option(UNTARGETED), by_option(LARGE)
    plain_away, plain_heart = away.pop(words[NONE]), heart.pop(words[NONE])
    lowest, highest = min(away, key=lambda n: away[n]), max(heart, key=lambda n: heart[n])
    return [
        f"Away from the truth, the strongest option is {lowest!r}: it leaves an IoU of "
        f"{away[lowest]:.1f} with the truth, the attack without any option {plain_away:.1f}.",
        f"Towards the {LARGE} heart, the strongest option is {highest!r}: the heart alone has an "
        f"IoU of {heart[highest]:.1f} with its target, without any option {plain_heart:.1f}.",
    ]
