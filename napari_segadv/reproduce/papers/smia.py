"""Qi 2021, tables 1, 3, 4 and 6: SMIA beside FGSM, PGD and DAG, for three tasks and two budgets."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import stats

from ...attacks import Attack
from ...attacks.methods.dag import DAG
from ...attacks.methods.pgd import FGSM, PGD
from ...attacks.methods.smia import SMIA
from ...data.boxes import Boxes, mean_precision, overlap
from ...data.scan import Array
from ...io.cases import Case
from ...measures.labels import Overlap
from ...victims.detections import detected
from ..bench import Bench, mean
from ..real_scan import RealScan
from ..report import Curve, Report, Running

NAME = "smia"
TITLE = "The stabilised medical image attack"
SOURCE = "Qi et al. 2021, tables 1, 3, 4 and 6"
VICTIM = "demo:chest-xray"
TASKS = ("segmentation", "classification", "detection")
CASES = 20
SURROGATE = False

STEPS, MOST_STEPS = 10, 25
ALPHAS = (0.0, 0.75, 1.0, 1.25)
# With fewer cases than this, the claim is left open.
ENOUGH = 6
# Scores from which on a detector's boxes count for its average precision.
LEAST_SCORE = 0.05
GROWING, EQUAL = "a whole epsilon a step", "equal final Linf"


@dataclass(frozen=True)
class Kind:
    """What the paper measures of one task.

    Attributes:
        where: its images.
        names: of the two figures; of one where the second is "".
        epsilons: as shares of the intensity window; they hold the paper's.
        main: the one at which the attacks and the alphas are compared.
        clean: the paper's figures of the clean images.
        paper: its figures by attack, alpha and epsilon, after STEPS steps of a whole epsilon each.
    """

    where: str
    names: tuple[str, str]
    epsilons: tuple[float, ...]
    main: float
    clean: tuple[Any, ...]
    paper: Mapping[tuple[str, float, float], tuple[Any, ...]]


# FGSM takes one step, and SMIA with an alpha of 0 is I-FGSM, the paper's DEV.
KINDS = {
    "segmentation": Kind(
        "COVID-19 CT",
        ("accuracy", "Jaccard"),
        (0.0025, 0.005, 0.05),
        0.005,
        (87.82, 93.57),
        {
            ("FGSM", 0.0, 0.05): (69.16, 83.66),
            ("PGD", 0.0, 0.05): (69.40, 83.69),
            ("DAG", 0.0, 0.05): (68.96, 90.87),
            ("SMIA", 0.0, 0.05): (69.16, 83.66),
            ("SMIA", 1.0, 0.05): (60.82, 79.18),
        },
    ),
    "classification": Kind(
        "APTOS-2019, fundus grading",
        ("accuracy", ""),
        (5e-5, 5e-4, 5e-3),
        5e-5,
        (81.82,),
        {("SMIA", 0.0, 5e-5): (69.35,), ("SMIA", 1.0, 5e-5): (57.37,)},
    ),
    "detection": Kind(
        "EAD-2019, endoscopy",
        ("IoU", "mAP"),
        (0.005, 0.01, 0.015),
        0.01,
        (22.86, 43.36),
        {
            ("FGSM", 0.0, 0.005): (12.03, 26.65),
            ("FGSM", 0.0, 0.01): (6.82, 17.28),
            ("FGSM", 0.0, 0.015): (5.27, 13.52),
            ("PGD", 0.0, 0.005): (11.49, 22.89),
            ("PGD", 0.0, 0.01): (6.48, 16.36),
            ("PGD", 0.0, 0.015): (3.49, 10.73),
            ("DAG", 0.0, 0.005): (11.28, 14.94),
            ("DAG", 0.0, 0.01): (7.62, 2.71),
            ("DAG", 0.0, 0.015): (2.86, 1.44),
            ("SMIA", 1.0, 0.005): (11.34, 15.92),
            ("SMIA", 0.0, 0.01): (6.82, 17.28),
            ("SMIA", 0.75, 0.01): (5.94, 12.18),
            ("SMIA", 1.0, 0.01): (4.80, 3.47),
            ("SMIA", 1.25, 0.01): (4.93, 4.05),
            ("SMIA", 1.0, 0.015): (1.18, 3.25),
        },
    ),
}


@dataclass(frozen=True)
class Setting:
    """An attack with its budget; epsilon as a share of the window, 0 for the clean image.

    Attributes:
        attack: FGSM, PGD, DAG or SMIA.
        alpha: weight of SMIA's stabilising loss.
        epsilon: of a step (GROWING), or of the whole (EQUAL).
        budget: GROWING, as the paper's code does: each step adds a whole epsilon, and nothing is
            projected. EQUAL: steps of epsilon / steps inside a ball of epsilon.
        steps: of the attack.
    """

    attack: str
    alpha: float
    epsilon: float
    budget: str
    steps: int = STEPS

    @property
    def name(self) -> str:
        return f"{self.attack}, alpha {self.alpha:g}" if self.attack == "SMIA" else self.attack

    def __str__(self) -> str:
        return f"{self.name}, epsilon {self.epsilon:g}, {self.budget}"


CLEAN = Setting("clean", 0.0, 0.0, "")


def settings_of(bench: Bench, kind: Kind) -> list[Setting]:
    """Return the rows: attacks at each epsilon, alphas at the main one, iterations at both ends."""
    # DAG needs cells that can be wrong one by one, which a class for the whole image is not.
    plain = ["FGSM", "PGD", *(["DAG"] if bench.victim.task.suits(DAG.tasks) else [])]
    found = [CLEAN]
    for budget in (GROWING, EQUAL):
        for epsilon in bench.some(kind.epsilons):
            found += [Setting(name, 0.0, epsilon, budget) for name in plain]
            found += [Setting("SMIA", alpha, epsilon, budget) for alpha in (0.0, 1.0)]
        others = [alpha for alpha in bench.some(ALPHAS) if alpha not in (0.0, 1.0)]
        found += [Setting("SMIA", alpha, kind.main, budget) for alpha in others]
        # What the first ten steps of a longer run are depends on its budget.
        found += [Setting("SMIA", alpha, kind.main, budget, MOST_STEPS) for alpha in (0.0, 1.0)]
    return found


def attack_for(bench: Bench, setting: Setting) -> tuple[Attack, int]:
    """Return the attack, and the number of images that it shows the victim in a step."""
    steps = 1 if setting.attack == "FGSM" else bench.steps(setting.steps)
    step = setting.epsilon * bench.window
    whole = step if setting.budget == EQUAL else step * steps
    length = step / steps if setting.budget == EQUAL else step
    if setting.attack == "FGSM":
        return FGSM(epsilon=whole), 1
    if setting.attack == "PGD":
        sign: dict[str, Any] = {"step": "sign", "loss": "cross-entropy", "goal": None}
        return PGD(epsilon=whole, steps=steps, step_size=length, **sign), 1
    if setting.attack == "DAG":
        # Its step is as long as the others' where the gradient is largest.
        return DAG(epsilon=whole, steps=steps, gamma=length, goal=None), 1
    smia = SMIA(epsilon=whole, steps=steps, step_size=length, alpha=setting.alpha)
    return smia, 2 if setting.alpha else 1


def run(bench: Bench) -> Running:
    """Measure what the victim still gets right, and how large and steady the noise is."""
    kind = KINDS[bench.victim.task.name]
    settings = settings_of(bench, kind)
    made = yield from bench.each(settings, cell(bench))
    found = dict(zip(settings, made, strict=True))
    rows = []
    for setting, cells in found.items():
        if setting.steps == STEPS:
            rows.append(row(bench, kind, setting, setting.steps, cells))
        else:
            shown = [step for step in (1, 5, 10, 15, 20, MOST_STEPS) if str(step) in cells[0]["at"]]
            rows += [row(bench, kind, setting, step, cells) for step in shown]
    first = kind.names[0]
    names = [name for name in kind.names if name]
    return Report(
        (
            "attack",
            "budget",
            "epsilon, share of the window",
            "steps",
            *(f"paper, {name} x 100" for name in names),
            *(f"ours, {name} x 100" for name in names),
            "final Linf, share of the window",
            "standard deviation of the noise, share of the window",
            "cosine of successive noise",
        ),
        rows,
        [
            curve(bench, setting, cells)
            for setting, cells in found.items()
            if setting.steps == MOST_STEPS
        ],
        ("steps", f"{first} x 100"),
        [
            f"The paper's figures are of {kind.where}, after {STEPS} steps of a whole epsilon "
            "each; only rows of that budget and epsilon have them.",
            *(claim(found, kind, budget) for budget in (GROWING, EQUAL)),
        ],
    )


def cell(bench: Bench) -> Any:
    """Return a function that makes a cell: what the victim finds after some of the steps."""

    def make(setting: Setting, case: Case) -> Generator[Any, None, dict[str, Any]]:
        scan = RealScan.of(case.scan)
        bound = bench.on(scan, scan)
        if setting.attack == "clean":
            return {"at": {"0": judged(bound, bound.image, case.mask)}}
        attack, views = attack_for(bench, setting)
        problem = bench.problem(scan, truth=case.mask)
        path = bench.path(attack, problem, lambda step: step, views)
        # FGSM's only step is listed as the last one.
        last = len(path) - 1
        wanted = range(1, last + 1) if setting.steps == MOST_STEPS else [last]
        noises = [step.noise.double().flatten().numpy() / bench.window for step in path[1:]]
        cosines = [
            float(a @ b) / max(float(np.linalg.norm(a)) * float(np.linalg.norm(b)), 1e-30)
            for a, b in pairwise(noises)
        ]
        found = {}
        for number in wanted:
            image = problem.clean + path[number].noise.to(problem.clean)
            found[str(number)] = judged(bound, image, case.mask) | size_of(noises[number - 1])
        return {"at": found, "cosine": mean(cosines) if cosines else 1.0}
        yield

    return make


def size_of(noise: Array) -> dict[str, float]:
    """Return Linf and standard deviation of noise, in what it is given in."""
    return {"linf": float(np.abs(noise).max()), "deviation": float(noise.std())}


def judged(bound: Any, image: Any, truth: Any) -> dict[str, Any]:
    """Return what a victim finds in an image (1, C, *S), as figures, or boxes of a detector."""
    if isinstance(truth, Boxes):
        found = detected(bound, image, LEAST_SCORE)
        sure = found.pick(found.scores >= 0.5)
        return {
            "IoU": best_overlap(sure, truth),
            "boxes": [found.corners.tolist(), found.labels.tolist(), found.scores.tolist()],
        }
    labels = bound.prediction(image)
    if hasattr(truth, "label"):
        return {"accuracy": float(labels.label == truth.label)}
    counted = Overlap.of(labels.array, truth.array)
    return {"accuracy": counted.accuracy(), "Jaccard": counted.mean_iou()}


def best_overlap(found: Boxes, truth: Boxes) -> float:
    """Return the mean over true boxes of the IoU with the best box found of the same class."""
    if not truth.count:
        return 1.0 if not found.count else 0.0
    shares = overlap(truth.corners, found.corners)
    alike = truth.labels[:, None] == found.labels[None]
    return float(np.where(alike, shares, 0.0).max(axis=1, initial=0.0).mean())


def figures(
    bench: Bench, kind: Kind, cells: Sequence[Mapping[str, Any]], step: int
) -> tuple[float, ...]:
    """Return the task's figures x 100 after a step; an average precision is of all cases."""
    at = [one["at"][str(step)] for one in cells]
    found = []
    for name in [name for name in kind.names if name]:
        if name == "mAP":
            truths: list[Any] = [case.mask for case in bench.cases]
            boxes = [
                replace(Boxes.of(b[0], b[1], t.grid, t.classes), scores=np.array(b[2], np.float32))
                for b, t in zip((one["boxes"] for one in at), truths, strict=True)
            ]
            precisions = mean_precision(boxes, truths, truths[0].classes)
            # -1 for a class that no case has.
            known = [value for value in precisions.values() if value >= 0]
            found.append(100 * mean(known) if known else 0.0)
        else:
            found.append(100 * mean(one[name] for one in at))
    return tuple(found)


def row(
    bench: Bench, kind: Kind, setting: Setting, step: int, cells: Sequence[Mapping[str, Any]]
) -> tuple[Any, ...]:
    """Return a row of the table after a step of an attack."""
    names = [name for name in kind.names if name]
    if setting.attack == "clean":
        ours = figures(bench, kind, cells, 0)
        return ("clean", "", 0.0, 0, *kind.clean, *ours, 0.0, 0.0, "")
    last = max(int(number) for number in cells[0]["at"])
    step = min(step, last)
    paper: tuple[Any, ...] = ("",) * len(names)
    if setting.budget == GROWING and setting.steps == STEPS:
        known = kind.paper.get((setting.attack, setting.alpha, setting.epsilon), paper)
        paper = tuple(known)
    return (
        setting.name,
        setting.budget,
        setting.epsilon,
        step,
        *paper,
        *figures(bench, kind, cells, step),
        mean(one["at"][str(step)]["linf"] for one in cells),
        mean(one["at"][str(step)]["deviation"] for one in cells),
        mean(one["cosine"] for one in cells),
    )


def curve(bench: Bench, setting: Setting, cells: Sequence[Mapping[str, Any]]) -> Curve:
    """Return the first figure after each step."""
    kind = KINDS[bench.victim.task.name]
    steps = sorted(int(number) for number in cells[0]["at"])
    values = [figures(bench, replace(kind, names=(kind.names[0], "")), cells, n)[0] for n in steps]
    return Curve(f"{setting.name}, {setting.budget}", steps, values)


def claim(found: Mapping[Setting, Sequence[Mapping[str, Any]]], kind: Kind, budget: str) -> str:
    """Say whether the stabilising loss lowers the first figure and the noise's deviation."""
    name = kind.names[0]
    pair = [
        [max(one["at"].items(), key=lambda item: int(item[0]))[1] for one in found[setting]]
        for setting in (Setting("SMIA", alpha, kind.main, budget) for alpha in (1.0, 0.0))
        if setting in found
    ]
    if len(pair) < 2:
        return f"{budget}: the main epsilon was left out."
    drops = [100 * (without[name] - with_[name]) for with_, without in zip(*pair, strict=True)]
    lower = mean(one["deviation"] for one in pair[0]) < mean(one["deviation"] for one in pair[1])
    text = (
        f"{budget}: with the stabilising loss {name} is lower in "
        f"{sum(drop > 0 for drop in drops)} of {len(drops)} cases, by {mean(drops):.2f} on average"
    )
    if len(drops) >= ENOUGH and any(drops):
        text += f" (Wilcoxon p {stats.wilcoxon(drops).pvalue:.2g})"
    verdict = "confirmed" if mean(drops) > 0 and lower else "refuted"
    if len(drops) < ENOUGH:
        verdict = f"open, since there are fewer than {ENOUGH} cases"
    return (
        f"{text}; the noise's deviation is {'lower' if lower else 'not lower'}: the paper's claim "
        f"is {verdict}."
    )
