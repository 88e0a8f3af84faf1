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
from .polish import Polish
from .problem import Attacking, Problem
from .rules import RULES, Rule
from .texture import Texture, Textured
from .transfer import Transferring

# Upper limit of parameters in image units: intensities are float32, and no image needs more.
LARGEST = 1e9
# An attack succeeds when `moved` and `kept` both reach this, unless it declares another goal.
DEFAULT_GOAL = 0.99
# A run that polishes begins with steps of the radius over this, if they are Adam's in a round ball.
POLISH_STEP = 5

# Parameters that several attacks declare.
Steps = Annotated[int, Param("Largest number of gradient steps", low=1, high=100_000)]
Goal = Annotated[
    float | None,
    Param(
        "Stop when this share of the change is made and this share of the structures is intact; "
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
LossName = Literal["margin", "cross-entropy", "soft-iou", "js", "cosine"]
Objective = Annotated[LossName, Param("Objective to minimise")]


@dataclass(frozen=True, kw_only=True)
class Attack(ABC):
    """Base of all attacks.

    Class attributes of a subclass:
        name: its name for `--method`.
        title: its name in the viewer.
        source: the paper.
        tasks: any of "segmentation", "classification", "detection".
        targeted_only: True if the attack makes no sense without a target.
        blind: True if it needs scores alone, no gradient.
        unbounded: True if the paper has no budget; an epsilon of None then means no limit.
        loads: name of the parameter that is the folder of a trained generator, "" for none;
            `Problem.trained` holds the loaded generator.
        published: the paper's parameters where the defaults differ from them.
        added: parameters that results of earlier versions lack, with the values that they had.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]] = ("segmentation",)
    targeted_only: ClassVar[bool] = False
    blind: ClassVar[bool] = False
    unbounded: ClassVar[bool] = False
    loads: ClassVar[str] = ""
    published: ClassVar[Mapping[str, Any]] = {}
    added: ClassVar[Mapping[str, Any]] = {}

    epsilon: Annotated[
        float | None,
        Param(
            "Largest change of a pixel (Linf) or length of the whole change (L2, visible); none: "
            "2 % of the model's window (Linf), or as root mean square 0.5 % (L2) or 1 % (visible) "
            "of it",
            low=0.0,
            high=LARGEST,
            unit=IMAGE_UNITS,
        ),
    ] = None
    norm: Annotated[
        Literal["linf", "l2", "visible"],
        Param(
            "How the size of the perturbation is measured; visible: as L2, but the image's own "
            "texture hides part of it"
        ),
    ] = "linf"

    def __post_init__(self) -> None:
        check(self)

    @property
    def without_budget(self) -> bool:
        """True if there is no budget."""
        return self.unbounded and self.epsilon is None

    def budget(self, problem: Problem) -> float:
        """Return epsilon in the image's units; without a budget, the most that the bounds allow."""
        if self.epsilon is not None:
            return self.epsilon
        pixels = problem.clean[0].numel()
        if self.without_budget:
            whole = problem.width
            # On flat ground, "visible" is L2; elsewhere it is less.
            return whole if self.norm == "linf" else whole * math.sqrt(pixels)
        return default_budget(self.norm, problem.window, pixels)

    def ball(self, problem: Problem) -> Ball:
        """Return the set that the perturbations of a problem must stay in."""
        radius = problem.clean.new_full((len(problem),), self.budget(problem))
        return Ball(problem, self.norm, radius, self.texture_of(problem))

    def texture_of(self, problem: Problem) -> Texture | None:
        """Return the texture of the noise; None: any noise."""
        return None

    def for_masks(self) -> "Attack":
        """Return the attack as it suits a model that gives masks alone, whose scores are 0 or 1."""
        return self

    def check_goal(self, problem: Problem) -> None:
        """Raise SegadvError if the attack needs a target and there is none."""
        if self.targeted_only and not problem.targeted:
            raise SegadvError(f"method {self.name}: needs a target; give one or use another method")

    @abstractmethod
    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        """Return a generator that yields Progress after each step and returns the Outcome.

        Args:
            problem: a batch of images and their labels.
            seed: seed of all random numbers; the same seed gives the same result.
        """


@dataclass(frozen=True, kw_only=True)
class Additive(Transferring, Textured):
    """The parameters that attacks by additive noise along a gradient share."""

    added: ClassVar[Mapping[str, Any]] = {**Transferring.added, **Textured.added}


@dataclass(frozen=True, kw_only=True)
class GradientAttack(Additive, Attack):
    """An attack by additive noise that descends its objective in steps inside a ball."""

    steps: Steps = 40
    step: Annotated[
        StepRule,
        Param("Step rule: Adam is the quickest; APGD halves its step size by itself"),
    ] = "adam"
    step_size: Annotated[
        float | None,
        Param(
            "Length of the first step; none: epsilon (adam; half of it in L2), 2 epsilon (apgd), "
            "epsilon / 20 (sign, momentum); with polish, a fifth (adam; not in Linf)",
            low=0.0,
            high=LARGEST,
            unit=IMAGE_UNITS,
            advanced=True,
        ),
    ] = None
    goal: Goal = DEFAULT_GOAL
    polish: Annotated[
        bool,
        Param(
            "At the goal, go on and make the change less visible until the steps are used; false, "
            "or without a goal: no such thing"
        ),
    ] = False
    random_start: Annotated[
        bool, Param("Start at a random point in the budget, not at the image", advanced=True)
    ] = False
    restarts: Annotated[
        int,
        Param(
            "Largest number of runs; while the goal is missed, another starts at a random point",
            low=1,
            high=1000,
            advanced=True,
        ),
    ] = 1

    # Results that were saved before it existed stopped at the goal.
    added: ClassVar[Mapping[str, Any]] = {**Additive.added, "polish": False}

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        ball = self.ball(problem)
        generator = torch.Generator().manual_seed(seed)
        polish = self._polish(ball)
        plan = Plan.additive(
            ball,
            steps=self.steps,
            loss=self.objective() if polish is None else polish.loss,
            rule=(lambda: self.make_rule(ball)) if polish is None else polish.start,
            goal=self.goal,
            first_random=self.random_start,
            restarts=self.restarts,
            generator=generator,
            size=None if polish is None else polish.size,
            transfer=self.transfer(problem, seed),
        )
        return optimise(problem, plan)

    def _polish(self, ball: Ball) -> Polish | None:
        """Return what is done beyond the goal; None: the attack stops there or has none."""
        if not self.polishes or self.goal is None:
            return None
        first = None if self.balanced else self.objective()
        return Polish(ball, self.steps, self.goal, first, lambda: self.make_rule(ball))

    @property
    def polishes(self) -> bool:
        """Whether anything is done beyond the goal: without a goal, there is no beyond."""
        return self.polish and self.goal is not None

    @property
    def balanced(self) -> bool:
        """True if the objective is the margin: `polish` balances it from the start."""
        return False

    @abstractmethod
    def objective(self) -> Loss:
        """Return the loss to minimise: a new one for each run, so it may have a state."""

    def make_rule(self, ball: Ball) -> Rule:
        """Return a new step rule for one start in a ball."""
        size = None if self.step_size is None else torch.full_like(ball.radius, self.step_size)
        if size is None and self.polishes and ball.round and self.step == "adam":
            # A run that goes on needs a direction without the noise of long steps.
            size = ball.radius / POLISH_STEP
        return RULES[self.step](ball, self.steps, size)
