"""Bortsova 2021, tables 1 and 2, black box: crafted on a surrogate, measured on the victim."""

from ..bench import Bench, Report, Running
from ..bortsova import (
    ALL,
    BLACK,
    HEART,
    HEART_TRUTH,
    OTHERS,
    OTHERS_TRUTH,
    SIZES,
    UNTARGETED,
    Setting,
    average,
    cell,
    curves,
    headings,
    rows,
    with_clean,
)

NAME = "black-box"
TITLE = "Black box by surrogate, untargeted and towards a heart"
SOURCE = "Bortsova et al. 2021, table 1 (all structures) and 2 (the heart alone), black box"
VICTIM = "demo:chest-xray"
TASKS = ("segmentation",)
CASES = 20
SURROGATE = True

IN_PAPER = [(ALL, UNTARGETED), *((name, size) for name in (HEART, HEART_TRUTH) for size in SIZES)]
MEASURED = [*IN_PAPER, *((name, size) for name in (OTHERS_TRUTH, OTHERS) for size in SIZES)]


def run(bench: Bench) -> Running:
    """Craft both attacks on the surrogate, and the untargeted one on the victim to compare."""
    settings = with_clean(bench, [UNTARGETED, *SIZES], "black")
    last = settings[-1].epsilon
    white = Setting(UNTARGETED, last)
    made = yield from bench.each([*settings, white], cell(bench))
    found = dict(zip(settings, made, strict=False))
    black = float(average(found[Setting(UNTARGETED, last, "black")], ALL))
    in_white = float(average(made[-1], ALL))
    # Nearer than the clean prediction is by more than a point, at any budget.
    nearer = any(
        float(average(cells, HEART))
        > 1 + float(average(found[Setting(s.aim, 0.0, "black")], HEART))
        for s, cells in found.items()
        if s.aim != UNTARGETED
    )
    return Report(
        headings(bench),
        rows(bench, found, MEASURED, BLACK),
        curves(found, IN_PAPER, BLACK),
        ("epsilon in [-1, 1]", "IoU x 100"),
        [
            f"At epsilon {last} the black box leaves an IoU of {black:.1f} with the truth, the "
            f"white box {in_white:.1f}: "
            + ("the black box is weaker" if black > in_white else "the black box is not weaker")
            + " (paper: weaker).",
            "The targeted black box brings "
            + ("hearts nearer to their target" if nearer else "no heart nearer to its target")
            + " by more than a point.",
        ],
    )
