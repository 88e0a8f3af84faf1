"""Qi 2021, tables 1, 3, 4 and 6: SMIA beside FGSM, PGD and DAG, for three tasks and two budgets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from ...data.boxes import Boxes, mean_precision
from ..bench import Bench, mean
from ..making.smia import (
    CLEAN,
    GROWING,
    PGD_STEP,
    STEPS,
    WHOLE,
    Setting,
    cell,
    settings_of,
)
from ..report import Curve, Report, Running

NAME = "smia"
TITLE = "The stabilised medical image attack"
SOURCE = "Qi et al. 2021, tables 1, 3, 4 and 6"
VICTIM = "demo:chest-xray"
TASKS = ("segmentation", "classification", "detection")
CASES = 20
# Of 20 images, the accuracy of a grade moves in steps of 5 points.
CASES_BY_TASK = {"classification": 100}
SURROGATE = False

ALPHAS = (0.0, 0.75, 1.0, 1.25)
# With fewer cases than this, the claim is left open, and from this p on.
ENOUGH, CERTAIN = 6, 0.05
# What a cell calls the figures, and the table.
WORDS = {
    "found": "accuracy on the structures",
    "Jaccard": "Jaccard with the background",
    "accuracy": "accuracy",
    "IoU": "IoU",
    "mAP": "mAP",
}


@dataclass(frozen=True)
class Kind:
    """What the paper measures of one task.

    Attributes:
        where: its images.
        names: of its figures, as cells call them.
        epsilons: as shares of the intensity window; they hold the paper's.
        mains: those at which alphas and numbers of steps are compared; the last is the paper's.
        clean: the paper's figures of the clean images.
        paper: its figures by attack, alpha and epsilon, after STEPS steps of a whole epsilon each.
        cosines: its cosine x 100 by alpha, at the last of `mains`.
        notes: what has to be known of the comparison.
    """

    where: str
    names: tuple[str, ...]
    epsilons: tuple[float, ...]
    mains: tuple[float, ...]
    clean: tuple[Any, ...]
    paper: Mapping[tuple[str, float, float], tuple[Any, ...]]
    cosines: Mapping[float, float]
    notes: tuple[str, ...] = ()


# The paper's FGSM has the figures of its DEV, which is SMIA with an alpha of 0 and takes STEPS
# steps; our FGSM takes one, so no figure of the paper stands beside it.
SAME = (
    "The paper's FGSM has the figures of its SMIA without the stabilising loss, and ours takes one "
    "step, so nothing stands beside it."
)
DAG_STEP = (
    "Of DAG's step, the paper does not give the length. Here it is as long as the others' where "
    "its gradient is largest, and less elsewhere."
)
PGD_NOTE = (
    f"PGD starts at a random point within one epsilon. With {GROWING} it reaches one epsilon more "
    f"than the others; with {WHOLE} its steps are {PGD_STEP:g} times as long as theirs."
)
KINDS = {
    "segmentation": Kind(
        "COVID-19 CT",
        ("found", "Jaccard"),
        (0.0025, 0.005, 0.05),
        (0.005, 0.05),
        (87.82, 93.57),
        {
            ("PGD", 0.0, 0.05): (69.40, 83.69),
            ("DAG", 0.0, 0.05): (68.96, 90.87),
            ("SMIA", 0.0, 0.05): (69.16, 83.66),
            ("SMIA", 1.0, 0.05): (60.82, 79.18),
        },
        {0.0: 60.00, 1.0: 63.21},
        (
            "The paper does not define its accuracy and its Jaccard. Its accuracy is below its "
            "Jaccard throughout, which one of all pixels can't be. So the share of the structures' "
            "pixels with their class stands beside it, and the mean Jaccard of all classes, "
            "background included.",
            SAME,
            DAG_STEP,
        ),
    ),
    "classification": Kind(
        "APTOS-2019, fundus grading",
        ("accuracy",),
        (5e-5, 5e-4, 5e-3),
        (5e-5,),
        (81.82,),
        {("SMIA", 0.0, 5e-5): (69.35,), ("SMIA", 1.0, 5e-5): (57.37,)},
        {0.0: 90.34, 1.0: 95.46},
    ),
    "detection": Kind(
        "EAD-2019, endoscopy",
        ("IoU", "mAP"),
        (0.005, 0.01, 0.015),
        (0.01,),
        (22.86, 43.36),
        {
            ("PGD", 0.0, 0.005): (11.49, 22.89),
            ("PGD", 0.0, 0.01): (6.48, 16.36),
            ("PGD", 0.0, 0.015): (3.49, 10.73),
            ("DAG", 0.0, 0.005): (11.28, 14.94),
            ("DAG", 0.0, 0.01): (7.62, 2.71),
            ("DAG", 0.0, 0.015): (2.86, 1.44),
            ("SMIA", 0.0, 0.005): (12.03, 26.65),
            ("SMIA", 1.0, 0.005): (11.34, 15.92),
            ("SMIA", 0.0, 0.01): (6.82, 17.28),
            ("SMIA", 0.75, 0.01): (5.94, 12.18),
            ("SMIA", 1.0, 0.01): (4.80, 3.47),
            ("SMIA", 1.25, 0.01): (4.93, 4.05),
            ("SMIA", 0.0, 0.015): (5.27, 13.52),
            ("SMIA", 1.0, 0.015): (1.18, 3.25),
        },
        {0.0: 64.98, 1.0: 68.54},
        (SAME, DAG_STEP),
    ),
}
COSINE = (
    "The paper does not say between what its cosine is. Ours is the mean between the steps and "
    "those before them."
)

Cells = Sequence[Mapping[str, Any]]


def run(bench: Bench) -> Running:
    """Measure what the victim still gets right, and how large and steady the noise is."""
    kind = KINDS[bench.victim.task.name]
    settings = settings_of(bench, kind.epsilons, kind.mains, ALPHAS)
    made = yield from bench.each(settings, cell(bench))
    found = dict(zip(settings, made, strict=True))
    rows = [
        row(bench, kind, setting, step, cells)
        for setting, cells in found.items()
        for step in sorted(map(int, cells[0]))
    ]
    words = [WORDS[name] for name in kind.names]
    return Report(
        (
            "attack",
            "budget",
            "epsilon, share of the window",
            "steps",
            *(f"paper, {name} x 100" for name in words),
            *(f"ours, {name} x 100" for name in words),
            *(f"ours, {name} x 100, rounded to {bench.rounded}" for name in words),
            "final Linf, share of the window",
            "standard deviation of the noise, share of the window",
            "paper, cosine x 100",
            "ours, cosine of successive steps x 100",
        ),
        rows,
        curves(bench, kind, found),
        ("steps", f"{words[0]} x 100"),
        [
            f"The paper's figures are of {kind.where}, after {STEPS} steps of a whole epsilon "
            "each; only rows of that budget, epsilon and number of steps have them.",
            *kind.notes,
            PGD_NOTE,
            COSINE,
            *(
                claim(bench, found, kind, budget, epsilon)
                for budget in (GROWING, WHOLE)
                for epsilon in kind.mains
            ),
        ],
    )


def figures(bench: Bench, kind: Kind, at: Sequence[Mapping[str, Any]]) -> tuple[float, ...]:
    """Return the task's figures x 100, over all cases; an average precision is of all at once."""
    found = []
    for name in kind.names:
        if name != "mAP":
            found.append(100 * mean(one[name] for one in at))
            continue
        truths: list[Any] = [case.mask for case in bench.cases]
        boxes = [
            replace(Boxes.of(b[0], b[1], t.grid, t.classes), scores=np.array(b[2], np.float32))
            for b, t in zip((one["boxes"] for one in at), truths, strict=True)
        ]
        precisions = mean_precision(boxes, truths, truths[0].classes)
        # -1 for a class that no case has.
        known = [value for value in precisions.values() if value >= 0]
        found.append(100 * mean(known) if known else 0.0)
    return tuple(found)


def row(bench: Bench, kind: Kind, setting: Setting, step: int, cells: Cells) -> tuple[Any, ...]:
    """Return a row of the table after a step of an attack."""
    at = [one[str(step)] for one in cells]
    ours = figures(bench, kind, at), figures(bench, kind, [one["rounded"] for one in at])
    if setting == CLEAN:
        return ("clean", "", 0.0, 0, *kind.clean, *ours[0], *ours[1], 0.0, 0.0, "", "")
    paper: tuple[Any, ...] = ("",) * len(kind.names)
    told: Any = ""
    if setting.budget == GROWING and step == STEPS:
        paper = kind.paper.get((setting.attack, setting.alpha, setting.epsilon), paper)
        if setting.attack == "SMIA" and setting.epsilon == kind.mains[-1]:
            told = kind.cosines.get(setting.alpha, "")
    cosines = [one["cosine"] for one in at if "cosine" in one]
    return (
        setting.name,
        setting.budget,
        setting.epsilon,
        step,
        *paper,
        *ours[0],
        *ours[1],
        mean(one["linf"] for one in at),
        mean(one["deviation"] for one in at),
        told,
        100 * mean(cosines) if cosines else "",
    )


def curves(bench: Bench, kind: Kind, found: Mapping[Setting, Cells]) -> list[Curve]:
    """Return the first figure by the number of steps, for each budget and alpha."""
    made: dict[str, dict[int, float]] = {}
    for setting, cells in found.items():
        if setting.attack != "SMIA" or setting.epsilon != kind.mains[-1]:
            continue
        own = made.setdefault(f"{setting.name}, {setting.budget}", {})
        for step in cells[0]:
            own[int(step)] = figures(bench, kind, [one[step] for one in cells])[0]
    return [
        Curve(label, sorted(own), [own[step] for step in sorted(own)])
        for label, own in made.items()
        if len(own) > 1
    ]


def claim(
    bench: Bench, found: Mapping[Setting, Cells], kind: Kind, budget: str, epsilon: float
) -> str:
    """Say whether the stabilising loss lowers the figures and the noise's deviation."""
    where = f"{budget}, epsilon {epsilon:g}"
    with_, without = (after(bench, found, a, budget, epsilon) for a in (1.0, 0.0))
    if not with_ or not without:
        return f"{where}: was left out."
    name = kind.names[0]
    drops, falls = (
        [scale * (b[what] - a[what]) for a, b in zip(with_, without, strict=True)]
        for what, scale in ((name, 100.0), ("deviation", 1.0))
    )
    text = (
        f"{where}: with the stabilising loss {WORDS[name]} is lower in "
        f"{sum(drop > 0 for drop in drops)} of {len(drops)} cases, by {mean(drops):.2f} on average"
        f"{told(drops)}"
    )
    for n, other in list(enumerate(kind.names))[1:]:
        pair = [figures(bench, kind, at)[n] for at in (without, with_)]
        text += f", {WORDS[other]} {pair[1]:.2f} instead of {pair[0]:.2f}"
    text += f"; the noise's deviation is lower in {sum(fall > 0 for fall in falls)}{told(falls)}"
    if budget != GROWING or epsilon != kind.mains[-1]:
        return f"{text}. The paper has no figures at this budget and epsilon."
    return f"{text}: by {WORDS[name]}, the paper's claim is {verdict(drops, falls)}."


def chance(values: Sequence[float]) -> float:
    """Return Wilcoxon's p of differences; 1 for too few, or none that is not 0."""
    enough = len(values) >= ENOUGH and any(values)
    return float(stats.wilcoxon(values).pvalue) if enough else 1.0


def told(values: Sequence[float]) -> str:
    """Return p in brackets, if there is one."""
    p = chance(values)
    return f" (Wilcoxon p {p:.2g})" if p < 1 else ""


def verdict(drops: Sequence[float], falls: Sequence[float]) -> str:
    """Say what becomes of the claim that figures drop further, with noise of a lower deviation.

    Args:
        drops: how much further the figure drops with the stabilising loss, by case.
        falls: how much lower the noise's deviation is with it.
    """
    if len(drops) < ENOUGH:
        return f"open, since there are fewer than {ENOUGH} cases"
    both = [(chance(values) < CERTAIN, mean(values) > 0) for values in (drops, falls)]
    if any(certain and not more for certain, more in both):
        return "refuted"
    if all(certain for certain, _ in both):
        return "confirmed"
    return f"open, since a p is not below {CERTAIN:g}"


def after(
    bench: Bench, found: Mapping[Setting, Cells], alpha: float, budget: str, epsilon: float
) -> list[Mapping[str, Any]]:
    """Return what each case shows after STEPS steps of SMIA; nothing if that was left out."""
    step = str(bench.steps(STEPS))
    for setting, cells in found.items():
        own = (setting.attack, setting.alpha, setting.budget, setting.epsilon)
        if own == ("SMIA", alpha, budget, epsilon) and step in cells[0]:
            return [one[step] for one in cells]
    return []
