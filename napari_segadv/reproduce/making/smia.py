"""Qi 2021: the attacks at two budgets, and what a victim still finds after their steps."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...attacks import Attack
from ...attacks.loop import Plan, optimise
from ...attacks.methods.dag import DAG
from ...attacks.methods.pgd import FGSM, PGD
from ...attacks.methods.smia import SMIA
from ...attacks.problem import Attacking, Problem
from ...data.boxes import Boxes, overlap
from ...data.scan import Array
from ...io.cases import Case
from ...measures.labels import Overlap
from ...victims.detections import detected
from ..bench import Bench, mean
from ..real_scan import RealScan

STEPS, MOST_STEPS = 10, 25
# Of a run whose budget grows, what is kept besides its last step.
KEPT = (1, 5, STEPS, 15, 20)
# Scores from which on a detector's boxes count for its average precision.
LEAST_SCORE = 0.05
# The step of PGD with a whole budget, times epsilon / steps (Madry 2018's code).
PGD_STEP = 2.5
GROWING, WHOLE = "a whole epsilon a step", "epsilon in all"


@dataclass(frozen=True)
class Setting:
    """An attack with its budget; epsilon as a share of the window, 0 for the clean image.

    Attributes:
        attack: FGSM, PGD, DAG or SMIA.
        alpha: weight of SMIA's stabilising loss.
        epsilon: of a step (GROWING), or of the whole (WHOLE).
        budget: GROWING, as the paper's code does: each step adds a whole epsilon, and nothing is
            projected. WHOLE: steps of epsilon / steps inside a ball of epsilon, PGD's PGD_STEP
            times as long.
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
        return f"{self.name}, epsilon {self.epsilon:g}, {self.budget}, {self.steps} steps"


CLEAN = Setting("clean", 0.0, 0.0, "", 0)


@dataclass(frozen=True, kw_only=True)
class StartedPGD(PGD):
    """PGD from a random point of a smaller ball (Madry 2018). The last image is the result.

    Without that start, plain PGD is SMIA with an alpha of 0.

    Attributes:
        within: the radius of that ball, as a share of the budget.
    """

    within: float = 1.0

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        ball, generator = self.ball(problem), torch.Generator().manual_seed(seed)
        plan = Plan.additive(
            ball,
            steps=self.steps,
            loss=self.objective(),
            rule=lambda: self.make_rule(ball),
            keeps_best=False,
        )

        smaller = replace(ball, radius=ball.radius * self.within)

        def start(restart: int) -> Tensor:
            return smaller.random(generator)

        return optimise(problem, replace(plan, start=start))


def attack_for(bench: Bench, setting: Setting) -> tuple[Attack, int]:
    """Return the attack, and the number of images that it shows the victim in a step."""
    steps = 1 if setting.attack == "FGSM" else bench.steps(setting.steps)
    growing = setting.budget == GROWING
    step = setting.epsilon * bench.window
    whole = step * steps if growing else step
    length = step if growing else step / steps
    if setting.attack == "FGSM":
        return FGSM(epsilon=whole), 1
    if setting.attack == "PGD":
        # It starts within one epsilon, which a growing budget has to hold, too.
        room = whole + step if growing else whole
        length = step if growing else PGD_STEP * length
        sign: dict[str, Any] = {"step": "sign", "loss": "cross-entropy", "goal": None}
        share = step / room
        return StartedPGD(epsilon=room, steps=steps, step_size=length, within=share, **sign), 1
    if setting.attack == "DAG":
        # Its step is as long as the others' where the gradient is largest.
        return DAG(epsilon=whole, steps=steps, gamma=length, goal=None), 1
    smia = SMIA(epsilon=whole, steps=steps, step_size=length, alpha=setting.alpha)
    return smia, 2 if setting.alpha else 1


def cell(bench: Bench) -> Callable[[Setting, Case], Generator[Any, None, dict[str, Any]]]:
    """Return a function that makes a cell: what the victim finds after some of the steps.

    For each step there are the figures of the real-number image, "rounded" the same of that image
    as its file would hold it, the size of the noise, and from the second step on the mean cosine
    between the steps so far and those before them.
    """

    def make(setting: Setting, case: Case) -> Generator[Any, None, dict[str, Any]]:
        scan = RealScan.of(case.scan)
        bound = bench.on(scan, scan)
        if setting.attack == "clean":
            found = judged(bound, bound.image, case.mask)
            return {"0": {**found, "rounded": found}}
        attack, views = attack_for(bench, setting)
        problem = bench.problem(scan, truth=case.mask)
        path = bench.path(attack, problem, lambda step: step.noise, views)
        last = len(path) - 1
        # With a whole budget, a step's length depends on the number of steps.
        all_in_one = setting.budget == GROWING and setting.steps == MOST_STEPS
        wanted = {n for n in KEPT if n < last and all_in_one} | {last}
        changes = [after - before for before, after in pairwise(path)]
        cosines = [cosine(a, b) for a, b in pairwise(changes)]
        at: dict[str, Any] = {}
        for number in sorted(wanted):
            image = problem.clean + path[number].to(problem.clean)
            at[str(number)] = {
                **judged(bound, image, case.mask),
                **size_of(path[number].double().numpy() / bench.window),
                "rounded": rounded(bench, case, image),
            }
            if number > 1:
                at[str(number)]["cosine"] = mean(cosines[: number - 1])
        return at
        yield

    return make


def cosine(a: Tensor, b: Tensor) -> float:
    """Return the cosine between two changes; 0 where one is nothing."""
    a, b = a.double().flatten(), b.double().flatten()
    return float(a @ b) / max(float(a.norm()) * float(b.norm()), 1e-30)


def size_of(noise: Array) -> dict[str, float]:
    """Return Linf and standard deviation of noise, in what it is given in."""
    return {"linf": float(np.abs(noise).max()), "deviation": float(noise.std())}


def rounded(bench: Bench, case: Case, image: Tensor) -> dict[str, Any]:
    """Return what a victim finds in an image (1, C, *S) as its file would hold it."""
    bound = bench.on(bench.as_file(case.scan, image), case.scan)
    return judged(bound, bound.image, case.mask)


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
    return {
        "found": share_found(labels.array, truth.array),
        "Jaccard": mean([counted.iou(0), *(counted.iou(n) for n in counted.structures)]),
        "accuracy": counted.accuracy(),
        "IoU": counted.mean_iou(),
    }


def share_found(labels: Array, truth: Array) -> float:
    """Return the share of the structures' pixels that have their class; 1 without structures."""
    inside = truth != 0
    return float((labels == truth)[inside].mean()) if inside.any() else 1.0


def best_overlap(found: Boxes, truth: Boxes) -> float:
    """Return the mean over true boxes of the IoU with the best box found of the same class."""
    if not truth.count:
        return 1.0 if not found.count else 0.0
    shares = overlap(truth.corners, found.corners)
    alike = truth.labels[:, None] == found.labels[None]
    return float(np.where(alike, shares, 0.0).max(axis=1, initial=0.0).mean())


def settings_of(
    bench: Bench, epsilons: Sequence[float], mains: Sequence[float], alphas: Sequence[float]
) -> list[Setting]:
    """Return what is made: attacks at each epsilon, and alphas and numbers of steps at some.

    Args:
        bench: says what suits the victim, and whether a few settings do.
        epsilons: as shares of the window.
        mains: those of them at which alphas and numbers of steps are compared.
        alphas: of SMIA, 0 and 1 among them.
    """
    # DAG needs cells that can be wrong one by one, which a class for the whole image is not.
    plain = ["FGSM", "PGD", *(["DAG"] if bench.victim.task.suits(DAG.tasks) else [])]
    found = [CLEAN]
    for budget in (GROWING, WHOLE):
        for epsilon in bench.some(epsilons):
            found += [Setting(name, 0.0, epsilon, budget) for name in plain]
            main = epsilon in mains
            for alpha in alphas if main and not bench.quick else (0.0, 1.0):
                found += [
                    Setting("SMIA", alpha, epsilon, budget, steps)
                    for steps in bench.some(steps_of(budget, main and alpha in (0.0, 1.0)))
                ]
    return found


def steps_of(budget: str, compared: bool) -> tuple[int, ...]:
    """Return how many steps the runs have at a budget, whose numbers are compared or not.

    A growing budget does not depend on the number of steps: one run holds all that are shorter.
    """
    if not compared:
        return (STEPS,)
    return (MOST_STEPS,) if budget == GROWING else (*KEPT, MOST_STEPS)
