"""Qi 2021, table 6: SMIA beside FGSM, PGD and DAG at equal passes and equal effective Linf."""

from collections.abc import Generator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import stats

from ...attacks import Attack
from ...attacks.methods.dag import DAG
from ...attacks.methods.pgd import FGSM, PGD
from ...attacks.methods.smia import SMIA
from ...data.scan import Array
from ...io.cases import Case
from ...measures.labels import Overlap
from ..bench import Bench, Curve, Report, Running, Step, mean

NAME = "smia"
TITLE = "The stabilised medical image attack"
SOURCE = "Qi et al. 2021, table 6 (COVID-19 CT)"
VICTIM = "demo:chest-xray"
CASES = 20
SURROGATE = False

# Accuracy x 100, Jaccard x 100, and variance of the perturbation.
PAPER: dict[str, tuple[Any, ...]] = {
    "clean": (87.82, 93.57, ""),
    "FGSM": (69.16, 83.66, 0.087),
    "PGD": (69.40, 83.69, 0.081),
    "DAG": (68.96, 90.87, 0.054),
    "SMIA": (60.82, 79.18, "lower"),
}
# Budget as a share of the intensity window: the victim is neither untouched nor ruined at it.
EPSILON_SHARE = 0.005
STEPS = 10
# With fewer cases than this, the claim is left open.
ENOUGH = 6


@dataclass(frozen=True)
class Figures:
    """Figures of one attack on one case."""

    accuracy: float
    iou: float
    variance: float
    cosine: float


def attacks_at(epsilon: float, steps: int) -> dict[str, tuple[Attack, int]]:
    """Return the table's attacks, each with the number of images that it shows the victim a step.

    SMIA takes two passes a step, so it is listed with PGD's passes and with PGD's steps.
    """
    length = epsilon / steps
    half = max(1, (steps + 1) // 2)
    sign: dict[str, Any] = {"step": "sign", "loss": "cross-entropy", "goal": None}
    wide: dict[str, Any] = {"kernel": 7, "sigma": 3.0}
    return {
        "FGSM": (FGSM(epsilon=epsilon), 1),
        "PGD": (PGD(epsilon=epsilon, steps=steps, step_size=length, **sign), 1),
        "DAG": (DAG(epsilon=epsilon, steps=steps), 1),
        "SMIA": (SMIA(epsilon=epsilon, steps=half), 2),
        "SMIA, twice the passes": (SMIA(epsilon=epsilon, steps=steps), 2),
        "SMIA 7 x 7, twice the passes": (SMIA(epsilon=epsilon, steps=steps, **wide), 2),
    }


def run(bench: Bench) -> Running:
    """Measure accuracy and mean IoU with the truth, and how large and steady the noise is."""
    epsilon = EPSILON_SHARE * bench.window
    chosen = attacks_at(epsilon, bench.steps(STEPS))

    def make(name: str, case: Case) -> Generator[Any, None, Figures]:
        attack, views = chosen[name]
        problem = bench.problem(case.scan, truth=case.mask)
        path = bench.path(attack, problem, lambda step: step, views)
        return figures(path, case.mask.array, epsilon)
        yield

    made = yield from bench.each(list(chosen), make)
    found = dict(zip(chosen, made, strict=True))
    overlaps = [
        Overlap.of(bench.victim.predict(case.scan).array, case.mask.array) for case in bench.cases
    ]
    accuracy = 100 * mean(overlap.accuracy() for overlap in overlaps)
    iou = 100 * mean(overlap.mean_iou() for overlap in overlaps)
    rows: list[tuple[Any, ...]] = [("clean", *PAPER["clean"], accuracy, iou, "", "")]
    for name, cases in found.items():
        paper = PAPER.get(name, ("", "", ""))
        rows.append((name, *paper, *(mean(getattr(c, f) for c in cases) for f in FIELDS)))
    return Report(
        (
            "attack",
            "paper, accuracy",
            "paper, Jaccard",
            "paper, variance",
            "accuracy x 100",
            "IoU x 100",
            "variance / epsilon^2",
            "cosine of successive noise",
        ),
        rows,
        [Curve(name, list(range(len(c))), [f.iou for f in c]) for name, c in found.items()],
        ("case", "IoU with the truth x 100"),
        [
            f"Every attack ends inside an Linf of {epsilon:.3g} image units, "
            f"{100 * EPSILON_SHARE:g} % of the window.",
            *(compared(name, found[name], found["PGD"]) for name in found if "SMIA" in name),
        ],
    )


FIELDS = ("accuracy", "iou", "variance", "cosine")


def figures(path: list[Step], truth: Array, epsilon: float) -> Figures:
    """Measure the last image, and how the noise grew.

    The variance is that of the last noise over the pixels, in units of epsilon squared. The cosine
    is that between the noise of successive steps, averaged over the steps.
    """
    last = path[-1]
    overlap = Overlap.of(last.labels, truth)
    noises = [step.noise.double().flatten().numpy() for step in path[1:]]
    cosines = [
        float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30))
        for a, b in pairwise(noises)
    ]
    return Figures(
        100 * overlap.accuracy(),
        100 * overlap.mean_iou(),
        float(noises[-1].var()) / epsilon**2,
        mean(cosines) if cosines else 1.0,
    )


def compared(name: str, smia: list[Figures], pgd: list[Figures]) -> str:
    """Return a sentence on the paper's claim: a larger drop, and a lower variance, than PGD."""
    drops = [theirs.iou - ours.iou for ours, theirs in zip(smia, pgd, strict=True)]
    wins = sum(drop > 0 for drop in drops)
    lower = mean(f.variance for f in smia) < mean(f.variance for f in pgd)
    text = (
        f"{name} against PGD: its IoU is lower in {wins} of {len(drops)} cases, by "
        f"{mean(drops):.2f} on average"
    )
    if len(drops) >= ENOUGH and any(drops):
        text += f" (Wilcoxon p {stats.wilcoxon(drops).pvalue:.2g})"
    verdict = "confirmed" if mean(drops) > 0 and lower else "refuted"
    if len(drops) < ENOUGH:
        verdict = f"open, since there are fewer than {ENOUGH} cases"
    return f"{text}; its variance is {'lower' if lower else 'not lower'}: the claim is {verdict}."
