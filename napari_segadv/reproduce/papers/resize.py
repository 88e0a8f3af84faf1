"""Bortsova 2021, table 4: a structure grows or shrinks about its centre."""

from typing import Any

from ...common.wording import class_name
from ..bench import Bench, mean
from ..making.resize import Setting, cell
from ..report import Curve, Report, Running

NAME = "resize"
TITLE = "Resizing a structure"
SOURCE = "Bortsova et al. 2021, table 4 (the resized structure alone, with its target)"
VICTIM = "demo:chest-xray"
TASKS = ("segmentation",)
# 35 settings: with the paper's 20 cases the table would take a night.
CASES = 10
SURROGATE = False

FACTORS = (0.4, 0.6, 0.8, 1.2, 1.4, 1.6, 1.8)
# IoU x 100 for each factor.
PAPER = {
    "heart": (97.5, 98.3, 98.8, 99.4, 99.1, 97.1, 95.1),
    "left clavicle": (90.8, 93.8, 98.6, 98.9, 98.0, 95.1, 88.8),
    "right clavicle": (92.2, 95.4, 98.8, 99.1, 97.7, 94.5, 88.1),
    "left lung": (91.9, 93.0, 95.7, 95.4, 89.9, 83.5, 78.3),
    "right lung": (95.5, 97.1, 97.9, 96.3, 91.7, 87.1, 83.4),
}


def structures(bench: Bench) -> dict[str, int]:
    """Return the structures by name, the paper's in its order; of another victim, all its own."""
    labels = range(1, len(bench.victim.classes)) or range(
        1, int(bench.cases[0].mask.array.max()) + 1
    )
    names = {class_name(n, bench.victim.classes): n for n in labels}
    known = {name: names[name] for name in PAPER if name in names}
    return known or names


def run(bench: Bench) -> Running:
    """Measure the IoU of the resized structure with its target at epsilon 0.04."""
    chosen = {name: structures(bench)[name] for name in bench.some(list(structures(bench)))}
    factors = bench.some(FACTORS)
    settings = [Setting(label, factor) for label in chosen.values() for factor in factors]
    names = {label: name for name, label in chosen.items()}
    made = yield from bench.each(
        settings, cell(bench), lambda s: f"{names[s.label]}, factor {s.factor:g}"
    )
    rows: list[tuple[Any, ...]] = []
    for setting, cells in zip(settings, made, strict=True):
        name = names[setting.label]
        paper = PAPER[name][FACTORS.index(setting.factor)] if name in PAPER else ""
        values = (100 * mean(one[k] for one in cells) for k in ("clean", "ours", "rounded"))
        rows.append((name, setting.factor, paper, *values))
    return Report(
        (
            "resized structure",
            "factor",
            "paper, IoU x 100",
            "ours, clean image",
            "ours",
            f"ours, rounded to {bench.rounded}",
        ),
        rows,
        drawn(rows, list(factors)),
        ("factor", "IoU of the resized structure with its target x 100"),
        findings(rows),
    )


def drawn(rows: list[tuple[Any, ...]], factors: list[float]) -> list[Curve]:
    """Return the paper's curve and ours for each structure."""
    curves = []
    for name in dict.fromkeys(row[0] for row in rows):
        own = [row for row in rows if row[0] == name]
        if name in PAPER:
            curves.append(Curve(f"paper, {name}", factors, [row[2] for row in own], True))
        curves.append(Curve(name, factors, [row[4] for row in own]))
    return curves


def findings(rows: list[tuple[Any, ...]]) -> list[str]:
    """Say how far ours is from the paper's figure for the same structure and factor."""
    sentences = []
    known = [row for row in rows if row[2] != ""]
    if known:
        reached = sum(row[4] >= row[2] for row in known)
        worst = min(known, key=lambda row: row[4] - row[2])
        sentences.append(
            f"{reached} of {len(known)} reach the paper's figure for the same structure and factor;"
            f" furthest below it is {worst[0]}, factor {worst[1]:g}, by {worst[2] - worst[4]:.1f}."
        )
    return sentences
