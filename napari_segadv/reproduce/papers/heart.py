"""Bortsova 2021, tables 2 (both halves) and 3: a structure becomes a heart, white box."""

from collections.abc import Mapping, Sequence

from ..bench import Bench, rises
from ..bortsova import (
    HEART,
    HEART_TRUTH,
    OTHERS,
    OTHERS_TRUTH,
    SIZES,
    Setting,
    cell,
    with_clean,
)
from ..bortsova_table import WHITE, average, curves, headings, rows
from ..report import Report, Running

NAME = "heart"
TITLE = "The adversarial heart, white box"
SOURCE = "Bortsova et al. 2021, table 2 (the heart alone) and 3 (the other structures), white box"
VICTIM = "demo:chest-xray"
TASKS = ("segmentation",)
CASES = 20
SURROGATE = False

IN_PAPER = [(name, size) for name in (HEART, HEART_TRUTH, OTHERS) for size in SIZES]
MEASURED = [*IN_PAPER, *((OTHERS_TRUTH, size) for size in SIZES)]

Found = Mapping[Setting, Sequence[Mapping[str, float]]]


def run(bench: Bench) -> Running:
    """Measure the IoU of the heart with target and truth, and of the other structures."""
    settings = with_clean(bench, list(SIZES))
    made = yield from bench.each(settings, cell(bench))
    found = dict(zip(settings, made, strict=True))
    return Report(
        headings(bench),
        rows(bench, found, MEASURED, WHITE),
        curves(found, IN_PAPER, WHITE),
        ("epsilon in [-1, 1]", "IoU x 100"),
        findings(found),
    )


def findings(found: Found) -> list[str]:
    """Say whether the heart nears its target with epsilon, and which size is the harder one."""
    ours = {
        size: [float(average(c, HEART)) for s, c in found.items() if s.aim == size and s.epsilon]
        for size in SIZES
    }
    sentences = []
    for size, values in ours.items():
        word = "rises" if rises(values) else "does not rise steadily"
        sentences.append(
            f"The IoU of {size} hearts with their target {word} with epsilon (paper: rises)."
        )
    word = "lower" if ours["large"][0] < ours["small"][0] else "not lower"
    sentences.append(
        f"At the smallest epsilon large hearts are {word} than small ones (paper: lower)."
    )
    sentences.append(
        "The paper's other structures are with the truth, which is their target there. Here a "
        "target loses what the symbol covers, so they stand beside ours with the target."
    )
    return sentences
