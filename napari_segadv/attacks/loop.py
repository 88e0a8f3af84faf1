"""The one loop that every gradient attack runs in: best so far, early stop, restarts, counting."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..tensors import per_item
from .balls import Ball
from .losses import Loss, Outputs
from .problem import Outcome, Problem, Progress, Run
from .rules import Rule

# Reading a flag from a GPU waits for everything queued on it, so it is done seldom there.
STEPS_BETWEEN_CHECKS = {"cpu": 1, "cuda": 10}


@dataclass
class Best:
    """The best variable of each item so far, ranked by min(moved, kept), then by the loss."""

    score: Tensor
    loss: Tensor
    moved: Tensor
    kept: Tensor
    variable: Tensor
    done: Tensor

    @classmethod
    def of(cls, variable: Tensor) -> "Best":
        zero = variable.new_zeros(len(variable))
        return cls(zero - 1, zero, zero, zero, variable, zero.bool())

    def update(self, variable: Tensor, losses: Tensor, moved: Tensor, kept: Tensor) -> None:
        """Takes over the items that are better now. An item that is done changes no more."""
        score = torch.minimum(moved, kept)
        level = (score == self.score) & (losses < self.loss)
        better = ((score > self.score) | level) & ~self.done
        self.score = torch.where(better, score, self.score)
        self.loss = torch.where(better, losses, self.loss)
        self.moved = torch.where(better, moved, self.moved)
        self.kept = torch.where(better, kept, self.kept)
        self.variable = torch.where(per_item(better, variable), variable, self.variable)

    def finish(self, goal: float | None) -> None:
        """Marks the items that have reached the goal."""
        if goal is not None:
            self.done = self.done | (self.score >= goal)


@dataclass(frozen=True)
class Plan:
    """The choices that make an attack out of the loop.

    Attributes:
        steps: gradient steps at most, in each start.
        loss: what to make small.
        rule: makes the step rule of one start.
        start: the variable that start k begins at.
        apply: turns the variable into images.
        restrict: takes the gradient of the variable to what may change.
        goal: success at which an item is done; None: never.
        kappa: margin that the margin loss asks for.
        restarts: starts, of which the later ones go on with the items that are not done.
    """

    steps: int
    loss: Loss
    rule: Callable[[], Rule]
    start: Callable[[int], Tensor]
    apply: Callable[[Tensor], Tensor]
    restrict: Callable[[Tensor], Tensor]
    goal: float | None = None
    kappa: float = 1.0
    restarts: int = 1

    @classmethod
    def additive(
        cls,
        ball: Ball,
        *,
        steps: int,
        loss: Loss,
        rule: Callable[[], Rule],
        goal: float | None = None,
        kappa: float = 1.0,
        restarts: int = 1,
        first_random: bool = False,
        generator: torch.Generator | None = None,
    ) -> "Plan":
        """A plan whose variable is noise in a ball.

        The first start is the image itself unless `first_random`; later ones are random points
        of the ball, for which a generator must be given.
        """
        clean = ball.problem.clean

        def start(restart: int) -> Tensor:
            if generator is None or (restart == 0 and not first_random):
                return torch.zeros_like(clean)
            return ball.random(generator)

        return cls(
            steps=steps,
            loss=loss,
            rule=rule,
            start=start,
            apply=lambda noise: clean + noise,
            restrict=ball.restrict,
            goal=goal,
            kappa=kappa,
            restarts=restarts,
        )


@dataclass
class _Curve:
    losses: list[Tensor] = field(default_factory=list)
    scores: list[Tensor] = field(default_factory=list)

    def add(self, losses: Tensor, scores: Tensor) -> None:
        self.losses.append(losses.mean())
        self.scores.append(scores.mean())

    def values(self) -> tuple[tuple[float, float], ...]:
        losses = torch.stack(self.losses).tolist()
        return tuple(zip(losses, torch.stack(self.scores).tolist(), strict=True))


def optimise(problem: Problem, plan: Plan) -> Run:
    """Runs a plan on a batch; yields Progress after each step and returns the Outcome.

    Steps + 1 forward passes and as many backward passes as steps; closing the generator stops
    it before the next pass. Between checks this loop copies nothing from the device.
    """
    first = plan.start(0)
    best = Best.of(first)
    curve = _Curve()
    taken = 0
    every = STEPS_BETWEEN_CHECKS.get(problem.clean.device.type, 10)
    for restart in range(plan.restarts):
        variable = plan.start(restart) if restart else first
        rule = plan.rule()
        for step in range(plan.steps + 1):
            leaf = variable.detach().requires_grad_()
            outputs = Outputs(problem.model(plan.apply(leaf)), problem, plan.kappa)
            losses = plan.loss(outputs)
            with torch.no_grad():
                best.update(variable, losses.detach(), *outputs.shares())
                best.finish(plan.goal)
                curve.add(losses.detach(), best.score)
            checked = step % every == 0 or step == plan.steps
            if step == plan.steps or (checked and bool(best.done.all())):
                break
            (gradient,) = torch.autograd.grad(losses.sum(), leaf)
            # The graph holds a pass's activations: let go of it before the rule needs memory.
            losses = losses.detach()
            del outputs, leaf
            with torch.no_grad():
                variable = rule(variable, plan.restrict(gradient), losses, step)
            taken += 1
            yield Progress(taken, plan.steps * plan.restarts, losses, best.score)
        if bool(best.done.all()):
            break
    with torch.no_grad():
        adversarial = plan.apply(best.variable)
    return Outcome(adversarial, best.moved, best.kept, taken, curve.values())
