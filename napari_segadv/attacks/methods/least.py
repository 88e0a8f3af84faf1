"""The least perturbation that reaches the goal: one run with a budget that follows success."""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from ...common.budgets import default_budget
from ...common.parameters import IMAGE_UNITS, Param
from ..balls import Ball
from ..base import DEFAULT_GOAL, LARGEST, Additive, Attack
from ..loop import Plan, optimise
from ..losses import balanced_margin
from ..polish import Polish
from ..problem import Attacking, Problem
from ..rules import Adam, Seen


@dataclass(frozen=True, kw_only=True)
class Least(Additive, Attack):
    """The smallest Linf or L2 perturbation at which the goal is reached, in a single run.

    As in DDN (Rony 2019, CVPR, algorithm 1), the budget follows success: after a pass that reaches
    the goal, it becomes min(epsilon, size of the perturbation) (1 - g_i); otherwise it grows, more
    slowly. g_i falls over the run. Inside the budget, Adam descends the balanced margin loss; in a
    round ball, once the goal was reached, steps along the average of unit gradients do (`polish`).
    The smallest perturbation that reaches the goal is the result.
    """

    name: ClassVar[str] = "least"
    title: ClassVar[str] = "Least perturbation"
    source: ClassVar[str] = "after Rony 2019, arXiv 1811.09600"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation", "classification", "detection")
    unbounded: ClassVar[bool] = True

    epsilon: Annotated[
        float | None,
        Param(
            "Largest perturbation to try; none: no limit",
            low=0.0,
            high=LARGEST,
            unit=IMAGE_UNITS,
        ),
    ] = None
    steps: Annotated[int, Param("Number of gradient steps; all are run", low=1, high=100_000)] = 120
    goal: Annotated[
        float,
        Param(
            "Share of the change to make, and of the structures to keep intact",
            low=0.0,
            high=1.0,
        ),
    ] = DEFAULT_GOAL

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        widest = self.ball(problem)

        def following() -> Following:
            return Following(widest, self.steps, self.goal)

        polish = Polish(widest, self.steps, self.goal, None, following, self.norm)
        plan = Plan.additive(
            widest,
            steps=self.steps,
            loss=polish.loss if widest.round else balanced_margin,
            rule=polish.start if widest.round else following,
            goal=self.goal,
            size=widest.noise_size,
            transfer=self.transfer(problem, seed),
        )
        return optimise(problem, plan)


class Patient(Adam):
    """Adam for a ball that keeps shrinking: with longer averages and more damping."""

    beta1, damping = 0.8, 0.3


@dataclass(frozen=True)
class Pace:
    """How fast a run for one norm moves; the values were found on small chest victims.

    Attributes:
        stride: length of the first step, as a share of the radius.
        widen: share by which the radius grows after the first miss, until the goal is first
            reached. With each further miss it grows a little faster, for distant targets; near
            the goal it grows more slowly, since the run then needs more steps, not more room.
    """

    stride: float
    widen: float


PACES = {"linf": Pace(1.0, 0.015), "l2": Pace(0.1, 0.02), "visible": Pace(0.1, 0.02)}
# Share by which a success shrinks the radius: first, last. A miss widens it by WIDEN times that.
SHRINK, LAST_SHRINK, WIDEN = 0.1, 0.005, 0.2
# Steps of the run for which the paces were found; a shorter one grows faster, to get as far.
PACED = 120
# Steps without success, in a run of PACED steps, after which the radius grows twice as fast.
MISSES = 10
# Nearer to the goal than NEAR, growth is in proportion to the distance, but at least SLOWEST.
NEAR, SLOWEST = 0.5, 0.2


class Following:
    """Steps inside a ball whose radius follows success, item by item."""

    def __init__(self, widest: Ball, steps: int, goal: float) -> None:
        problem = widest.problem
        self.widest, self.steps, self.goal = widest, steps, goal
        self.pace = PACES[widest.norm]
        first = default_budget(widest.norm, problem.window, problem.clean[0].numel())
        self.epsilon = widest.radius.clamp_max(first)
        self.found = torch.zeros_like(self.epsilon, dtype=torch.bool)
        self.inner = Patient(replace(widest, radius=self.epsilon), steps, None)

    def __call__(self, d: Tensor, gradient: Tensor, seen: Seen) -> Tensor:
        shrink = SHRINK * (1 - seen.step / self.steps) + LAST_SHRINK
        there = seen.scores >= self.goal
        self.found = self.found | there
        smaller = torch.minimum(self.epsilon, self.widest.size(d)) * (1 - shrink)
        far = ((self.goal - seen.scores) / NEAR).clamp(SLOWEST, 1.0)
        pace = self.pace.widen * PACED / self.steps
        faster = pace * (1 + seen.step * PACED / self.steps / MISSES) * far
        growth = torch.where(self.found, WIDEN * shrink, faster)
        larger = torch.minimum(self.epsilon * (1 + growth), self.widest.radius)
        self.epsilon = torch.where(there, smaller, larger)
        self.inner.ball = replace(self.widest, radius=self.epsilon)
        self.inner.size = self.epsilon * self.pace.stride
        return self.inner(d, gradient, seen)
