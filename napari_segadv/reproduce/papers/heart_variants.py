"""Bortsova 2021, figure 2: the heart attack with less in its loss, or less room for the noise."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...attacks.regions import RECEPTIVE_FIELD
from ..bench import BORTSOVA_WIDTH, Bench
from ..bortsova import (
    BOUNDING_BOX,
    FELT,
    HEART,
    HEART_TRUTH,
    OTHERS,
    OTHERS_TRUTH,
    SIZES,
    Setting,
    cell,
    with_clean,
)
from ..bortsova_table import WORDS, average
from ..making.heart_variants import LEVELS, picture, unpacked
from ..report import Curve, Panel, Report, Running

NAME = "heart-variants"
TITLE = "Four variants of the adversarial heart"
SOURCE = "Bortsova et al. 2021, figure 2 (a picture; it has no figures to set beside ours)"
VICTIM = "demo:chest-xray"
TASKS = ("segmentation",)
# 40 settings: with the paper's 20 cases the table would take a night.
CASES = 10
SURROGATE = False

# The paper's variants: what a setting has besides aim and epsilon.
VARIANTS: dict[str, dict[str, Any]] = {
    "all structures": {},
    "the heart alone": {"heart_alone": True},
    "noise in the receptive field": {"region": RECEPTIVE_FIELD},
    "noise in the bounding box": {"region": BOUNDING_BOX},
}
MEASURED = (HEART, HEART_TRUTH, OTHERS_TRUTH, OTHERS)
# What the picture shows, of the first case.
SHOWN = ("small", 0.04)


def run(bench: Bench) -> Running:
    """Measure each variant at all budgets, and draw one example of each."""
    clean = [setting for setting in with_clean(bench, list(SIZES)) if not setting.epsilon]
    noisy = [setting for setting in with_clean(bench, list(SIZES)) if setting.epsilon]
    settings = {
        (name, setting): replace(setting, **more)
        for name, more in VARIANTS.items()
        for setting in noisy
    }
    made = yield from bench.each([*clean, *settings.values()], cell(bench))
    before = dict(zip(clean, made, strict=False))
    found = dict(zip(settings, made[len(clean) :], strict=True))
    panels = yield from pictures(bench)
    rows = [row(bench, "clean image", setting, cells) for setting, cells in before.items()]
    rows += [row(bench, name, setting, cells) for (name, setting), cells in found.items()]
    return Report(
        (
            "heart",
            "variant",
            "epsilon in [-1, 1]",
            "epsilon in image units",
            *(f"{WORDS[name]}, IoU x 100" for name in MEASURED),
            f"{WORDS[HEART]}, rounded to {bench.rounded}",
            "pixels changed, %",
        ),
        rows,
        drawn(found),
        ("epsilon in [-1, 1]", "IoU of the heart with its target x 100"),
        findings(found),
        panels,
    )


def row(
    bench: Bench, name: str, setting: Setting, cells: Sequence[Mapping[str, float]]
) -> tuple[Any, ...]:
    """Return a row of the table."""
    return (
        setting.aim,
        name,
        setting.epsilon,
        bench.units(setting.epsilon, BORTSOVA_WIDTH),
        *(average(cells, figure) for figure in MEASURED),
        average(cells, f"{HEART} rounded"),
        average(cells, "changed") if setting.epsilon else 0.0,
    )


def drawn(found: Mapping[tuple[str, Setting], Sequence[Mapping[str, float]]]) -> list[Curve]:
    """Return a curve for each size and variant."""
    curves = []
    for size in SIZES:
        for name in VARIANTS:
            own = {s.epsilon: c for (n, s), c in found.items() if (n, s.aim) == (name, size)}
            y = [float(average(cells, HEART)) for cells in own.values()]
            curves.append(Curve(f"{size}, {name}", list(own), y))
    return curves


def findings(found: Mapping[tuple[str, Setting], Sequence[Mapping[str, float]]]) -> list[str]:
    """Compare each variant with the standard one, averaged over sizes and budgets."""

    def overall(name: str, figure: str) -> float:
        values = [average(cells, figure) for (n, _), cells in found.items() if n == name]
        numbers = [value for value in values if isinstance(value, float)]
        return sum(numbers) / len(numbers) if numbers else 0.0

    standard, *others = VARIANTS
    return [
        f"{name}: the heart's IoU with its target is "
        f"{overall(name, HEART) - overall(standard, HEART):+.1f} points from that of "
        f"{standard!r}, that of the other structures "
        f"{overall(name, OTHERS) - overall(standard, OTHERS):+.1f}, averaged over sizes and "
        "budgets."
        for name in others
    ] + [
        f"The receptive field is the fewest pixels with {FELT:.0%} of the gradient's square: every "
        "pixel has some influence on a network that normalises over the whole image."
    ]


def pictures(bench: Bench) -> Generator[Any, None, list[list[Panel]]]:
    """Return a row of panels for each variant: the image, its prediction, and the noise."""
    case, (size, epsilon) = bench.cases[0], SHOWN
    if case.scan.array.ndim != 2:
        return []
    settings = [replace(Setting(size, epsilon), **more) for more in VARIANTS.values()]
    first = replace(bench, cases=[case], forwards=0.0, backwards=0.0, seconds=0.0)

    made = yield from first.each(
        [("picture", setting) for setting in settings], picture(first), str
    )
    bench.add(first)
    low, high = case.scan.shown.limits
    panels = []
    for name, (one,) in zip(VARIANTS, made, strict=True):
        labels = unpacked(one["labels"], np.uint8, case)
        noise = unpacked(one["noise"], np.int8, case) / LEVELS * epsilon
        changed = case.scan.array + noise * bench.window / BORTSOVA_WIDTH
        panels.append(
            [
                Panel(f"{name}: prediction", changed, (low, high), labels),
                Panel("noise in [-1, 1]", noise, (-epsilon, epsilon), signed=True),
            ]
        )
    return panels
