"""What an attack declares: a frozen dataclass of parameters and a rule that runs on a Problem."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch

from ..common.budgets import default_budget
from ..common.parameters import IMAGE_UNITS, Param, check
from ..errors import SegadvError
from .balls import Ball
from .loop import Plan, optimise
from .losses import Loss
from .problem import Attacking, Problem
from .rules import RULES, Rule

# Intensities are computed in float32; no image's units need more.
LARGEST = 1e9
# `moved` and `kept` from which an attack counts as successful, unless it says otherwise.
DEFAULT_GOAL = 0.99

# Parameters that several attacks declare.
Steps = Annotated[int, Param("Gradient steps at most", low=1, high=100_000)]
Goal = Annotated[
    float | None,
    Param(
        "Stop when this share of the pixels has moved and of the structures has stayed; "
        "none: run all steps",
        low=0.0,
        high=1.0,
    ),
]
FreeBudget = Annotated[
    float | None,
    Param(
        "Largest change of a pixel (Linf) or length of the whole change (L2); none: no limit, "
        "as in the paper",
        low=0.0,
        high=LARGEST,
        unit=IMAGE_UNITS,
    ),
]
StepRule = Literal["adam", "apgd", "sign", "momentum"]
LossName = Literal["margin", "cross-entropy", "soft-iou", "js"]
Objective = Annotated[LossName, Param("Objective to minimise")]


@dataclass(frozen=True, kw_only=True)
class Attack(ABC):
    """Base of all attacks.

    Class attributes of a subclass:
        name: what `--method` calls it.
        title: what the viewer calls it.
        source: the paper.
        tasks: of "segmentation", "classification", "detection".
        targeted_only: True where the attack makes no sense without a target.
        unbounded: True where the paper sets no budget; then "none" means that there is none.
        loads: name of the parameter that is the folder of a trained generator, "" for none; the
            problem brings it loaded.
        published: parameters with which it is as in the paper, where the defaults are not.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]] = ("segmentation",)
    targeted_only: ClassVar[bool] = False
    unbounded: ClassVar[bool] = False
    loads: ClassVar[str] = ""
    published: ClassVar[Mapping[str, Any]] = {}

    epsilon: Annotated[
        float | None,
        Param(
            "Largest change of a pixel (Linf) or length of the whole change (L2); none: 2 % of "
            "the window the victim sees, for L2 0.5 % of it as root mean square",
            low=0.0,
            high=LARGEST,
            unit=IMAGE_UNITS,
        ),
    ] = None
    norm: Annotated[
        Literal["linf", "l2"], Param("How the size of the perturbation is measured")
    ] = "linf"

    def __post_init__(self) -> None:
        check(self)

    @property
    def boundless(self) -> bool:
        """Whether there is no budget at all."""
        return self.unbounded and self.epsilon is None

    def budget(self, problem: Problem) -> float:
        """Epsilon in the image's units; without a budget the largest that the bounds allow."""
        if self.epsilon is not None:
            return self.epsilon
        pixels = problem.clean[0].numel()
        if self.boundless:
            width = problem.high - problem.low
            return width if self.norm == "linf" else width * math.sqrt(pixels)
        return default_budget(self.norm, problem.window, pixels)

    def ball(self, problem: Problem) -> Ball:
        """The set that the perturbations of a problem must stay in."""
        radius = problem.clean.new_full((len(problem),), self.budget(problem))
        return Ball(problem, self.norm, radius)

    def check_goal(self, problem: Problem) -> None:
        """Raises SegadvError where the attack needs a target and there is none."""
        if self.targeted_only and not problem.targeted:
            raise SegadvError(f"method {self.name}: needs a target; give one, or take another")

    @abstractmethod
    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        """A generator that yields Progress after each step and returns the Outcome.

        Args:
            problem: a batch of images and what they are to become.
            seed: of everything random; the same seed gives the same result.
        """


@dataclass(frozen=True, kw_only=True)
class GradientAttack(Attack):
    """An attack that descends its objective by steps inside a ball, with additive noise."""

    steps: Steps = 40
    step: Annotated[
        StepRule,
        Param("Step rule: Adam is the quickest, APGD the best over 100 steps or more"),
    ] = "adam"
    step_size: Annotated[
        float | None,
        Param(
            "Length of the first step; none: epsilon (adam, in L2 half of it), 2 epsilon (apgd), "
            "epsilon / 20",
            low=0.0,
            high=LARGEST,
            unit=IMAGE_UNITS,
            advanced=True,
        ),
    ] = None
    goal: Goal = DEFAULT_GOAL
    random_start: Annotated[
        bool, Param("Start at a random point of the budget, not at the image", advanced=True)
    ] = False
    restarts: Annotated[
        int,
        Param(
            "Runs from other random points while the goal is missed",
            low=1,
            high=1000,
            advanced=True,
        ),
    ] = 1

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        ball = self.ball(problem)
        generator = torch.Generator().manual_seed(seed)
        plan = Plan.additive(
            ball,
            steps=self.steps,
            loss=self.objective(),
            rule=lambda: self.make_rule(ball),
            goal=self.goal,
            first_random=self.random_start,
            restarts=self.restarts,
            generator=generator,
        )
        return optimise(problem, plan)

    @abstractmethod
    def objective(self) -> Loss:
        """What is made small; a fresh one for each run, so it may keep count."""

    def make_rule(self, ball: Ball) -> Rule:
        """A fresh step rule for one start in a ball."""
        size = None if self.step_size is None else torch.full_like(ball.radius, self.step_size)
        return RULES[self.step](ball, self.steps, size)
