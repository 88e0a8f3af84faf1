"""Bortsova 2021, tables 2 and 3: a structure becomes a heart, white box."""

from collections.abc import Generator
from typing import Any

from ... import targets
from ...attacks.methods.pgd import PGD
from ...io.cases import Case
from ...measures.labels import Overlap
from ...results.example import Example
from ..bench import BORTSOVA_WIDTH, Bench, Curve, Report, Running, mean, rises

NAME = "heart"
TITLE = "The adversarial heart, white box"
SOURCE = "Bortsova et al. 2021, tables 2 and 3"
VICTIM = "demo:chest-xray"
CASES = 3
SURROGATE = False

EPSILONS = (0.01, 0.02, 0.04, 0.08, 0.16)
WHITE = {"small": (88.0, 96.9, 97.8, 98.4, 98.6), "large": (66.7, 83.2, 95.2, 98.7, 99.1)}
BLACK = {"small": (34.3, 35.3, 36.8, 41.2, 28.9), "large": (43.3, 43.2, 43.4, 38.9, 13.1)}
# Linear size, as a multiple of a heart with the structure's area.
SIZES = {"small": 0.6, "large": 1.0}
STEPS = 100
LABEL = 1


def run(bench: Bench) -> Running:
    """Measure the IoU of prediction and target: the mean, the heart, the worst other structure."""
    settings = [(size, e) for size in SIZES for e in bench.some(EPSILONS)]
    made = yield from bench.each(
        settings, attack_on(bench, None), lambda s: f"{s[0]} heart, {s[1]}"
    )
    return report(bench, settings, made, WHITE, "white box")


def attack_on(bench: Bench, surrogate: Any) -> Any:
    """Return a function that runs the paper's attack for a setting and a case."""

    def make(setting: tuple[str, float], case: Case) -> Generator[Any, None, Example]:
        size, epsilon = setting
        clean = bench.victim.predict(case.scan)
        target = targets.heart(clean, label=LABEL, size=SIZES[size])
        attack = PGD(
            epsilon=bench.units(epsilon, BORTSOVA_WIDTH),
            steps=bench.steps(STEPS),
            step="sign",
            loss="soft-iou",
            goal=None,
        )
        return bench.attack(case.scan, attack, target=target, surrogate=surrogate)

    return make


def report(
    bench: Bench, settings: Any, made: list[list[Example]], paper: Any, label: str
) -> Report:
    """Make the rows by size and epsilon, and the curves of each size."""
    rows: list[tuple[Any, ...]] = []
    curves: dict[str, list[tuple[float, float, float]]] = {size: [] for size in SIZES}
    for (size, epsilon), examples in zip(settings, made, strict=True):
        if not curves[size]:
            rows.append(before(size, examples))
        published = paper[size][EPSILONS.index(epsilon)]
        per_class = [e.measures["target_iou_per_class"] for e in examples]
        heart = next(iter(per_class[0]))
        others = [name for name in per_class[0] if name != heart]
        iou = 100 * mean(e.measures["target_iou"] for e in examples)
        alone = 100 * mean(p[heart] for p in per_class)
        worst = min(100 * mean(p[name] for p in per_class) for name in others or [heart])
        units = bench.units(epsilon, BORTSOVA_WIDTH)
        rows.append((size, epsilon, units, published, iou, alone, worst))
        curves[size].append((epsilon, published, iou))
    lines = []
    for size, points in curves.items():
        x, theirs, ours = zip(*points, strict=True)
        lines += [
            Curve(f"paper, {size}, {label}", x, theirs, True),
            Curve(f"{size}, {label}", x, ours),
        ]
    return Report(
        (
            "heart",
            "epsilon in [-1, 1]",
            "epsilon in image units",
            "paper, IoU x 100",
            "ours, IoU x 100",
            "heart alone",
            "worst other structure",
        ),
        rows,
        lines,
        ("epsilon in [-1, 1]", "IoU with the target x 100"),
        _findings(curves, label),
    )


def before(size: str, examples: list[Example]) -> tuple[Any, ...]:
    """Make the row of the clean images: how near their predictions already are to the target."""
    overlaps = [
        Overlap.of(e.prediction_clean.array, e.target.array)
        for e in examples
        if e.target is not None
    ]
    others = {n for overlap in overlaps for n in overlap.structures} - {LABEL}
    worst = min(100 * mean(o.iou(n) for o in overlaps) for n in others or {LABEL})
    iou = 100 * mean(o.mean_iou() for o in overlaps)
    return (size, "0 (clean)", 0, "", iou, 100 * mean(o.iou(LABEL) for o in overlaps), worst)


def _findings(curves: dict[str, list[tuple[float, float, float]]], label: str) -> list[str]:
    sentences = []
    if label == "white box":
        for size, points in curves.items():
            word = "rises" if rises([ours for *_, ours in points]) else "does not rise steadily"
            sentences.append(f"The IoU of {size} hearts {word} with epsilon (paper: rises).")
        first = {size: points[0][2] for size, points in curves.items()}
        word = "lower" if first["large"] < first["small"] else "not lower"
        sentences.append(
            f"At the smallest epsilon large hearts are {word} than small ones (paper: lower)."
        )
    return sentences
