"""Bortsova 2021, tables 1 and 2, black box: crafted on a surrogate, measured on the victim."""

from typing import Any

from ..bench import Bench, Curve, Report, Running
from ..variants import compared
from . import heart, untargeted

NAME = "black-box"
TITLE = "Black box by surrogate, untargeted and towards a heart"
SOURCE = "Bortsova et al. 2021, tables 1 and 2"
VICTIM = "demo:chest-xray"
CASES = 3
SURROGATE = True


def run(bench: Bench) -> Running:
    """Craft both attacks on the surrogate, and the untargeted one on the victim to compare.

    At the largest epsilon, both are also crafted with the options that let noise carry over.
    """
    epsilons = bench.some(untargeted.EPSILONS)
    clean = untargeted.clean_iou(bench)
    black = yield from untargeted.ious(bench, epsilons, bench.surrogate)
    white = yield from untargeted.ious(bench, epsilons[-1:], None)
    away = untargeted.table(bench, epsilons, black, untargeted.BLACK, clean, "black box")
    settings = [(size, e) for size in heart.SIZES for e in epsilons]
    made = yield from bench.each(settings, heart.attack_on(bench, bench.surrogate), str)
    hearts = heart.report(bench, settings, made, heart.BLACK, "black box")
    rows: list[tuple[Any, ...]] = [("away from the truth", *row, "") for row in away.rows]
    rows += [(f"{size} heart", *row) for size, *row in (r[:6] for r in hearts.rows)]
    last = epsilons[-1]
    options = yield from compared(bench, last)
    rows += options.rows
    by_size = {size: [row[4] for row in hearts.rows if row[0] == size] for size in heart.SIZES}
    fails = all(max(with_noise) <= clean_iou for clean_iou, *with_noise in by_size.values())
    weaker = black[-1] > white[0]
    return Report(
        (
            "attack",
            "epsilon in [-1, 1]",
            "epsilon in image units",
            "paper, IoU x 100",
            "ours, IoU x 100",
            "heart alone",
        ),
        rows,
        [
            Curve("paper, untargeted", epsilons, away.curves[0].y, True),
            Curve("untargeted", epsilons, away.curves[1].y),
            *(
                Curve(c.label.replace(", black box", ""), c.x, c.y, c.published)
                for c in hearts.curves
            ),
        ],
        ("epsilon in [-1, 1]", "IoU x 100 with truth (untargeted) or target"),
        [
            f"At epsilon {last} the black box leaves an IoU of {black[-1]:.1f}, the white box "
            f"{white[0]:.1f}: "
            + ("white far above black, as in the paper." if weaker else "not as in the paper."),
            "The targeted black box "
            + (
                "brings no heart nearer to its target: it fails, as in the paper."
                if fails
                else "brings hearts nearer to their target, unlike in the paper."
            ),
            *options.findings,
        ],
    )
