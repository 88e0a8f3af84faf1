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
from ..transfer import Transferring

# Ozbulak 2019: the constants of the step, and the number of iterations.
TAU, BETA, PAPER_STEPS = 1e-7, 1e-6, 2501
SCALED_STEPS = 250
# Root mean square of the first step of preset "scaled" at an IoU of 1, as a share of the window.
SCALED_RMS = 2e-4
# Share of the average gradient that a step keeps.
MEMORY = 0.75
# Above a success of NEAR, a step shrinks the noise: by the share SHRINK at first, later by less.
NEAR, SHRINK = 0.9, 0.0125


@dataclass(frozen=True, kw_only=True)
class ASMA(Transferring, Attack):
    """Adaptive segmentation mask attack (Ozbulak 2019, MICCAI, eq. 2 and algorithm 1).

    It maximises S - ||x - x0||^2, where S is the sum of z_t over the pixels that are not yet at the
    target t. Its steps follow the plain gradient and grow with the IoU: a = beta IoU + tau. Images
    are in units of the victim's window, as the paper's are in [0, 1].

    The preset "paper" is that update: no budget, no early stop, the last image is the result.
    Whether its steps are too short or too long depends on the victim's gradient. The preset
    "scaled" follows the average of gradients of length 1, in steps that shrink along a cosine.
    Such steps would outweigh the second term, so the noise is shrunk instead once most pixels are
    at the target. It stops at the goal and keeps the best image.
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
        Param("scaled: steps of normalised gradients, stops at the goal; paper: as published"),
    ] = "scaled"
    multiplier: Annotated[float, Param("Factor on the length of a step", low=0.0, high=1e9)] = 1.0
    steps: Annotated[
        int | None,
        Param("Largest number of steps; none: 250 (scaled) or 2501 (paper)", low=1, high=100_000),
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
            transfer=self.transfer(problem, seed),
        )
        return optimise(problem, plan)


class MaskedSum:
    """-S (eq. 2): minus the sum of z_t over the care pixels off target; it records the IoU.

    Of copies of the images it records none, see `transfer`.
    """

    def __init__(self) -> None:
        self.iou = torch.empty(0)

    def __call__(self, outputs: Outputs) -> Tensor:
        problem = outputs.problem
        off = ~outputs.hits
        if problem.care is not None:
            off = off & (problem.care > 0)
        own = outputs.logits.gather(1, problem.labels.unsqueeze(1)).squeeze(1)
        if not outputs.of_copy:
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
        """Return a (N,), in squared image units: the gradient is in one over image units."""
        iou = self.objective.iou if seen.step else torch.zeros_like(self.objective.iou)
        return self.multiplier * (BETA * iou + TAU) * self.ball.problem.window**2


class ScaledStep(PaperStep):
    """d <- Pi((1 - s_i) d - a_i m), m the average of g / ||g||; a_i and s_i shrink on a cosine.

    a_i depends on the IoU as in the paper; s_i is 0 until most pixels are at the target.
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
        remaining = per_item(1 - SHRINK * fall * (seen.scores > NEAR), d)
        return self.ball.project(remaining * d - length * self.m)


def mean_iou(outputs: Outputs) -> Tensor:
    """Return the mean IoU (N,) of prediction and target over the target's structures.

    The background counts if the target has no structure at all. The reference implementation
    multiplies label values instead, which is right only for masks of 0 and 1.
    """
    problem, (n, classes) = outputs.problem, outputs.logits.shape[:2]
    predicted = outputs.logits.detach().argmax(1).flatten(1)
    target = problem.labels.flatten(1)
    items = torch.arange(n, device=target.device).unsqueeze(1)
    pairs = (items * classes + target) * classes + predicted
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
