"""ASMA: the adaptive segmentation mask attack, as published and in steps that follow the victim."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor

from ...common.parameters import Param
from ...common.tensors import per_item
from ..balls import Ball, steepest_l2
from ..base import DEFAULT_GOAL, Additive, Attack, FreeBudget, Goal
from ..loop import Plan, optimise
from ..losses import Outputs
from ..problem import Attacking, Problem
from ..rules import Seen

# Ozbulak 2019: the constants of the step, and the number of iterations.
TAU, BETA, PAPER_STEPS = 1e-7, 1e-6, 2501
SCALED_STEPS = 250
# Preset "scaled": in step k of K it goes the share PACE / (K - k) of the way, and never more than
# FARTHEST. Were the logits linear, what is missing would fall like (1 - k / K)^PACE.
PACE, FARTHEST = 25.0, 0.5
# The way of one step is at most so many times the average of those before, which keeps SPAN of it.
JUMP, SPAN = 3.0, 0.9
# Share of the average gradient that a step keeps.
MEMORY = 0.75
# Length of the pull towards the clean image at first, beside a gradient of length 1.
PULL = 0.2


@dataclass(frozen=True, kw_only=True)
class ASMA(Additive, Attack):
    """Adaptive segmentation mask attack (Ozbulak 2019, MICCAI, eq. 2 and algorithm 1).

    It maximises S - ||x - x0||^2, where S is the sum of z_t over the pixels that are not yet at the
    target t. Its steps follow the plain gradient and grow with the IoU: a = beta IoU + tau. Images
    are in units of the victim's window, as the paper's are in [0, 1].

    The preset "paper" is that update: no budget, no early stop, the last image is the result.
    Whether its steps are too short or too long depends on the victim: its gradient's size, and how
    far the logits are from the target. The preset "scaled" takes both from the victim. It minimises
    M, the sum of max_c z_c - z_t over the same pixels, since raising z_t alone often raises the
    other logits with it. To first order M is 0 after the way M / ||grad M||; a step goes a share of
    that way, 25 / (K - k) in step k of K and at most half, along the average of gradients of length
    1. The second term is a pull towards the clean image, a fifth as long as a gradient at first and
    falling to 0. It stops at the goal and keeps the best image.
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
        Param("scaled: steps as long as the model needs, stops at the goal; paper: as published"),
    ] = "scaled"
    multiplier: Annotated[float, Param("Factor on the length of a step", low=0.0, high=1e9)] = 1.0
    steps: Annotated[
        int | None,
        Param("Largest number of steps; none: 250 (scaled) or 2501 (paper)", low=1, high=100_000),
    ] = None
    goal: Goal = DEFAULT_GOAL

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        self.check_goal(problem)
        plan = self._paper(problem) if self.preset == "paper" else self._scaled(problem)
        return optimise(problem, replace(plan, transfer=self.transfer(problem, seed)))

    def _paper(self, problem: Problem) -> Plan:
        """Return the published update."""
        ball, objective, scale = self.ball(problem), MaskedSum(), problem.window
        return Plan.additive(
            ball,
            steps=self.steps or PAPER_STEPS,
            loss=objective,
            rule=lambda: PaperStep(ball, objective, self.multiplier),
            goal=None,
            penalty=lambda point: (ball.noise(point) / scale).square().flatten(1).sum(1),
            keeps_best=False,
        )

    def _scaled(self, problem: Problem) -> Plan:
        """Return the update whose steps follow the victim."""
        ball, objective = self.ball(problem), Missing()
        steps = self.steps or SCALED_STEPS
        return Plan.additive(
            ball,
            steps=steps,
            loss=objective,
            rule=lambda: ScaledStep(ball, objective, self.multiplier, steps),
            goal=self.goal,
        )


class MaskedSum:
    """-S (eq. 2): minus the sum of z_t over the care pixels off target; it records the IoU.

    Of copies of the images it records none, see `transfer`.
    """

    def __init__(self) -> None:
        self.iou = torch.empty(0)

    def __call__(self, outputs: Outputs) -> Tensor:
        own = outputs.logits.gather(1, outputs.problem.labels.unsqueeze(1)).squeeze(1)
        if not outputs.of_copy:
            self.iou = mean_iou(outputs)
        return -(own * off_target(outputs)).flatten(1).sum(1)


class Missing:
    """M: the sum of max_c z_c - z_t over the care pixels off target; it records its size (N,).

    Of copies of the images it records none, see `transfer`. Where a model's own way back decides
    otherwise than by the likeliest class, terms can be negative: the size counts them as positive.
    """

    def __init__(self) -> None:
        self.size = torch.empty(0)

    def __call__(self, outputs: Outputs) -> Tensor:
        margins = outputs.margins * off_target(outputs)
        if not outputs.of_copy:
            self.size = margins.detach().abs().flatten(1).sum(1)
        return margins.flatten(1).sum(1)


def off_target(outputs: Outputs) -> Tensor:
    """Return the care pixels (N, *S) that are not at the target, bool."""
    off = ~outputs.hits
    return off if outputs.problem.care is None else off & (outputs.problem.care > 0)


class PaperStep:
    """d <- Pi(d - a g), a = beta IoU + tau in units of the window; at first the IoU counts as 0."""

    def __init__(self, ball: Ball, objective: MaskedSum, multiplier: float) -> None:
        self.ball, self.objective, self.multiplier = ball, objective, multiplier

    def __call__(self, d: Tensor, gradient: Tensor, seen: Seen) -> Tensor:
        return self.ball.project(d - per_item(self.length(seen), d) * gradient)

    def length(self, seen: Seen) -> Tensor:
        """Return a (N,), in squared image units: the gradient is in one over image units."""
        iou = self.objective.iou if seen.step else torch.zeros_like(self.objective.iou)
        return self.multiplier * (BETA * iou + TAU) * self.ball.problem.window**2


class ScaledStep:
    """d <- Pi(d - a_k (m + p_k d / ||d||)), m the average of g / ||g||.

    In step k of K, a_k = min(1/2, 25 / (K - k)) M / ||g|| and p_k = (1 - k / K) / 5.
    """

    def __init__(self, ball: Ball, objective: Missing, multiplier: float, steps: int) -> None:
        self.ball, self.objective, self.multiplier = ball, objective, multiplier
        self.steps = steps
        self.m: Tensor | None = None
        # Average of the ways (N,); 0 before the first.
        self.usual = ball.problem.clean.new_zeros(len(ball.problem))

    def __call__(self, d: Tensor, gradient: Tensor, seen: Seen) -> Tensor:
        unit = steepest_l2(gradient)
        self.m = unit if self.m is None else torch.lerp(unit, self.m, MEMORY)
        share = min(FARTHEST, PACE / (self.steps - seen.step))
        length = self.multiplier * share * self.way((gradient * unit).flatten(1).sum(1))
        pull = PULL * (1 - seen.step / self.steps) * steepest_l2(d)
        return self.ball.project(d - per_item(length, d) * (self.m + pull))

    def way(self, steepness: Tensor) -> Tensor:
        """Return how far (N,) it is until nothing is missing, to first order; 0 on flat ground.

        Where the logits are almost flat, that is a leap over all that lies between: so it is at
        most three times as far as usual.

        Args:
            steepness: length (N,) of the gradient.
        """
        sloping = steepness > 0
        way = torch.where(sloping, self.objective.size / steepness, 0.0)
        known = self.usual > 0
        way = torch.where(known, torch.minimum(way, JUMP * self.usual), way)
        average = torch.where(known, torch.lerp(way, self.usual, SPAN), way)
        self.usual = torch.where(sloping, average, self.usual)
        return way


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
