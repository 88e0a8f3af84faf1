"""ASMA: the adaptive segmentation mask attack, as published and with gradient-scaled steps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor

from ...common.parameters import Param
from ...common.tensors import per_item
from ..balls import Ball, steepest_l2
from ..base import DEFAULT_GOAL, Attack, FreeBudget, Goal
from ..loop import Plan, optimise
from ..losses import Outputs
from ..problem import Attacking, Problem
from ..rules import Seen

# Ozbulak 2019: the constants of the step, and the iterations.
TAU, BETA, PAPER_STEPS = 1e-7, 1e-6, 2501
SCALED_STEPS = 250
# Of the first step of the preset "scaled" at an IoU of 1, as a share of the window.
SCALED_RMS = 2e-4
# Share of the average gradient that a step keeps.
MEMORY = 0.75
# From this success on the first step shrinks the noise by this share.
NEAR, SHRINK = 0.9, 0.0125


@dataclass(frozen=True, kw_only=True)
class ASMA(Attack):
    """Adaptive segmentation mask attack (Ozbulak 2019, MICCAI, eq. 2 and algorithm 1).

    Maximises S - ||x - x0||^2 with S the sum of z_t over the pixels that are not at the target t
    yet, by steps along the plain gradient whose length grows with the IoU: a = beta IoU + tau.
    Images are counted in units of the victim's window, as the paper's are in [0, 1].

    The preset "paper" is that update: no budget, no early stop, the last image is the result.
    Whether its steps are too short or too long depends on the victim's gradient. The preset
    "scaled" goes along the average of gradients of length 1, in steps that fall on a cosine. The
    second term, which such steps would outweigh, shrinks the noise once most pixels are at
    target. It stops at the goal and keeps the best image.
    """

    name: ClassVar[str] = "asma"
    title: ClassVar[str] = "ASMA"
    source: ClassVar[str] = "Ozbulak 2019, arXiv 1907.13124"
    targeted_only: ClassVar[bool] = True
    unbounded: ClassVar[bool] = True
    published: ClassVar[Mapping[str, Any]] = {"preset": "paper", "goal": None}

    epsilon: FreeBudget = None
    preset: Annotated[
        Literal["scaled", "paper"],
        Param("scaled: steps in units of the gradient, stops at the goal; paper: as published"),
    ] = "scaled"
    multiplier: Annotated[float, Param("Factor of the step's length", low=0.0, high=1e9)] = 1.0
    steps: Annotated[
        int | None,
        Param("Steps at most; none: 250, or the paper's 2501", low=1, high=100_000),
    ] = None
    goal: Goal = DEFAULT_GOAL

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        self.check_goal(problem)
        ball, paper = self.ball(problem), self.preset == "paper"
        objective = MaskedSum()
        scale = problem.window

        steps = self.steps or (PAPER_STEPS if paper else SCALED_STEPS)

        def rule() -> "PaperStep":
            step = PaperStep if paper else ScaledStep
            return step(ball, objective, self.multiplier, steps)

        plan = Plan.additive(
            ball,
            steps=steps,
            loss=objective,
            rule=rule,
            goal=None if paper else self.goal,
            penalty=lambda noise: (noise / scale).square().flatten(1).sum(1),
            keeps_best=not paper,
        )
        return optimise(problem, plan)


class MaskedSum:
    """-S (eq. 2): minus the sum of z_t over the care pixels off target; notes the IoU."""

    def __init__(self) -> None:
        self.iou = torch.empty(0)

    def __call__(self, outputs: Outputs) -> Tensor:
        problem = outputs.problem
        off = ~outputs.hits
        if problem.care is not None:
            off = off & (problem.care > 0)
        own = outputs.logits.gather(1, problem.labels.unsqueeze(1)).squeeze(1)
        self.iou = mean_iou(outputs)
        return -(own * off).flatten(1).sum(1)


class PaperStep:
    """d <- Pi(d - a g), a = beta IoU + tau in units of the window; at first the IoU counts as 0."""

    def __init__(self, ball: Ball, objective: MaskedSum, multiplier: float, steps: int) -> None:
        self.ball, self.objective, self.multiplier = ball, objective, multiplier
        self.steps = steps

    def __call__(self, d: Tensor, gradient: Tensor, seen: Seen) -> Tensor:
        return self.ball.project(d - per_item(self.length(seen), d) * gradient)

    def length(self, seen: Seen) -> Tensor:
        """a (N,), in squared image units: the gradient is one over image units."""
        iou = self.objective.iou if seen.step else torch.zeros_like(self.objective.iou)
        return self.multiplier * (BETA * iou + TAU) * self.ball.problem.window**2


class ScaledStep(PaperStep):
    """d <- Pi((1 - s_i) d - a_i m), m the average of g / ||g||; a_i and s_i fall on a cosine.

    a_i has the paper's dependence on the IoU; s_i is 0 until most pixels are at target.
    """

    m: Tensor | None = None

    def __call__(self, d: Tensor, gradient: Tensor, seen: Seen) -> Tensor:
        problem = self.ball.problem
        longest = SCALED_RMS * problem.window * math.sqrt(problem.clean[0].numel())
        unit = steepest_l2(gradient)
        self.m = unit if self.m is None else torch.lerp(unit, self.m, MEMORY)
        fall = (1 + math.cos(math.pi * seen.step / self.steps)) / 2
        share = (BETA * self.objective.iou + TAU) / (BETA + TAU)
        length = per_item(self.multiplier * longest * fall * share, d)
        kept = per_item(1 - SHRINK * fall * (seen.scores > NEAR), d)
        return self.ball.project(kept * d - length * self.m)


def mean_iou(outputs: Outputs) -> Tensor:
    """Mean IoU (N,) of prediction and target over the target's structures.

    Background counts where the target has no structure at all. The reference multiplies label
    values instead, which is right for masks of 0 and 1 only.
    """
    problem, (n, classes) = outputs.problem, outputs.logits.shape[:2]
    predicted = outputs.logits.detach().argmax(1).flatten(1)
    wanted = problem.labels.flatten(1)
    items = torch.arange(n, device=wanted.device).unsqueeze(1)
    pairs = (items * classes + wanted) * classes + predicted
    weights = None if problem.care is None else (problem.care > 0).double().flatten()
    counts = torch.bincount(pairs.flatten(), weights, minlength=n * classes**2)
    counts = counts.view(n, classes, classes).double()
    both = counts.diagonal(dim1=1, dim2=2)
    total = counts.sum(2)
    iou = both / (total + counts.sum(1) - both).clamp_min(1)
    present = (total > 0).double()
    structures = present.clone()
    structures[:, 0] = 0
    chosen = torch.where(structures.sum(1, keepdim=True) > 0, structures, present)
    mean: Tensor = (iou * chosen).sum(1) / chosen.sum(1).clamp_min(1)
    return mean.to(outputs.logits.dtype)
