"""DAG: dense adversary generation, steps on the pixels that are not yet adversarial."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor

from ...common.parameters import IMAGE_UNITS, Param
from ...common.tensors import per_item
from ..balls import Ball, l2_norm
from ..base import DEFAULT_GOAL, LARGEST, Additive, Attack, FreeBudget, Goal, Steps
from ..loop import Plan, optimise
from ..losses import Outputs
from ..problem import Attacking, Problem
from ..rules import Seen

# The paper's 0.5 on a scale from 0 to 255.
GAMMA_SHARE = 0.5 / 255


@dataclass(frozen=True, kw_only=True)
class DAG(Additive, Attack):
    """Dense adversary generation (Xie 2017, algorithm 1).

    Each step ascends the sum of z_adv - z_clean over the active pixels: those of the object that
    are not yet at the adversarial label or, untargeted, still at the truth (for a detector:
    anchors). The object is what `moved` counts: the pixels that have to change class or,
    untargeted, those of structures. z_clean is the logit of the clean prediction or, untargeted,
    of the truth. Untargeted, the paper draws the adversarial label of a pixel at random; here it
    is the strongest other class on the clean image, so that nothing in a run is random.

    The paper has no budget and stops when 1 % of the object's pixels are left. Pixels that should
    keep their class are not held in place: their z_adv - z_clean is 0.
    """

    name: ClassVar[str] = "dag"
    title: ClassVar[str] = "DAG"
    source: ClassVar[str] = "Xie 2017, arXiv 1703.08603"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation", "detection")
    unbounded: ClassVar[bool] = True

    epsilon: FreeBudget = None
    steps: Steps = 200
    gamma: Annotated[
        float | None,
        Param(
            "Size of a step; none: the paper's 0.5 of 255 grey levels, as a share of the window",
            low=0.0,
            high=LARGEST,
            unit=IMAGE_UNITS,
        ),
    ] = None
    normalise: Annotated[
        Literal["max", "l2"],
        Param("Gamma is a step's largest change (max, as published) or its length (l2)"),
    ] = "max"
    goal: Goal = DEFAULT_GOAL

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        ball = self.ball(problem)
        gamma = GAMMA_SHARE * problem.window if self.gamma is None else self.gamma
        plan = Plan.additive(
            ball,
            steps=self.steps,
            loss=_Gap(),
            rule=lambda: _Proportional(ball, gamma, self.normalise),
            goal=self.goal,
            transfer=self.transfer(problem, seed),
        )
        return optimise(problem, plan)


class _Gap:
    """z_clean - z_adv over the active pixels, for one run that starts at the clean image."""

    def __init__(self) -> None:
        self.adversarial: Tensor | None = None

    def __call__(self, outputs: Outputs) -> Tensor:
        problem = outputs.problem
        clean = problem.reference if problem.targeted else problem.labels
        if self.adversarial is None:
            self.adversarial = problem.labels if problem.targeted else strongest_other(outputs)
        gap = _of_class(outputs.logits, clean) - _of_class(outputs.logits, self.adversarial)
        return outputs.mean(gap * (problem.moving & ~outputs.hits))


def strongest_other(outputs: Outputs) -> Tensor:
    """Return the class (N, *S) with the largest logit other than the label."""
    logits = outputs.logits.detach()
    index = outputs.problem.labels.unsqueeze(1)
    return logits.scatter(1, index, -torch.inf).max(1).indices


def _of_class(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the logit (N, *S) of a class at each pixel."""
    return logits.gather(1, classes.unsqueeze(1)).squeeze(1)


class _Proportional:
    """d <- Pi(d - gamma g / max |g|), or with the L2 norm of g instead of max |g|."""

    def __init__(self, ball: Ball, gamma: float, normalise: str) -> None:
        self.ball, self.gamma, self.normalise = ball, gamma, normalise

    def __call__(self, d: Tensor, gradient: Tensor, seen: Seen) -> Tensor:
        peak = gradient.abs().flatten(1).amax(1)
        # 0 once no pixel is active. Divides by the peak first: squares of small entries underflow.
        unit = gradient / per_item(torch.where(peak > 0, peak, 1.0), gradient)
        if self.normalise == "l2":
            unit = unit / per_item(l2_norm(unit).clamp_min(1e-30), unit)
        return self.ball.project(d - self.gamma * unit)
