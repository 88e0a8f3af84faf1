"""What an attack does beyond its goal: make the change smaller until its steps are used."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..common.tensors import per_item
from .balls import Ball, steepest_l2
from .losses import Loss, Outputs, balanced_margin
from .rules import Rule, Seen

# The share by which a pass at the goal shrinks the radius, and the length of a step as a share of
# the radius: what is added at the run's start, and the rest.
SHRINK, LAST_SHRINK = 0.2, 0.01
STRIDE, LAST_STRIDE = 0.1, 0.02
# A miss widens the radius by this times what a success would shrink it by.
WIDEN = 0.2
# Share of the average gradient that is kept from step to step.
KEEP = 0.8
# Margin of the loss, in logits. A wider one spends length on pixels that are at the target.
KAPPA = 0.5


@dataclass
class Polish:
    """The loss and the step rules of a run that goes to its goal, then makes the change smaller.

    Attributes:
        ball: the attack's ball, which the change never leaves.
        steps: of a start.
        goal: success that counts as reached.
        first: the loss until the goal is reached; None: `balanced_margin`, as after it.
        rule: makes the rule of one start until the goal is reached.
        norm: in which the change is made smaller, "visible" or "l2".
    """

    ball: Ball
    steps: int
    goal: float
    first: Loss | None
    rule: Callable[[], Rule]
    norm: str = "visible"
    newest: "Polishing | None" = field(default=None, init=False)

    def size(self, d: Tensor) -> Tensor:
        """Return the length (N,) of perturbations in the norm that is made smaller."""
        return replace(self.ball, norm=self.norm).noise_size(d)

    def start(self) -> Rule:
        """Make the rule of one start."""
        self.newest = Polishing(self, self.rule())
        return self.newest

    def loss(self, outputs: Outputs) -> Tensor:
        """Return the loss (N,): of each item, that of the phase in which it is."""
        smoothing = balanced_margin(outputs, KAPPA)
        if self.first is None or self.newest is None:
            return smoothing if self.first is None else self.first(outputs)
        return torch.where(self.newest.found, smoothing, self.first(outputs))


class Polishing:
    """Another rule until an item is at the goal; then steps in a ball that shrinks.

    As in DDN (Rony 2019, CVPR, algorithm 1), the radius follows success: after a pass that reaches
    the goal it becomes (1 - g_i) times the size of the change, else it grows, more slowly. g_i
    falls over the run, and so do the steps, which are shares of the radius. They follow the average
    of gradients of length 1: near the goal few pixels are left in the loss, and gradients of their
    own length would be forgotten beside those of passes that missed it by far.
    """

    def __init__(self, plan: Polish, inner: Rule) -> None:
        self.plan, self.inner = plan, inner
        self.shrinking = replace(plan.ball, norm=plan.norm)
        self.found = torch.zeros_like(plan.ball.radius, dtype=torch.bool)
        self.radius = torch.zeros_like(plan.ball.radius)
        self.m = torch.empty(0)

    def __call__(self, d: Tensor, gradient: Tensor, seen: Seen) -> Tensor:
        if not self.m.numel():
            self.m = torch.zeros_like(gradient)
        self.m.lerp_(steepest_l2(gradient), 1 - KEEP)
        left = 1 - seen.step / self.plan.steps
        self._follow(self.shrinking.size(d), seen.scores >= self.plan.goal, left)
        before = self.inner(d, gradient, seen)
        length = per_item((STRIDE * left + LAST_STRIDE) * self.radius, d)
        after = d - self.shrinking.steepest(self.m) * length
        ratio = self.radius / self.shrinking.size(after).clamp_min(1e-30)
        after = self.plan.ball.project(after * per_item(ratio.clamp_max(1.0), after))
        return torch.where(per_item(self.found, d), after, before)

    def _follow(self, size: Tensor, there: Tensor, left: float) -> None:
        """Adjust the radius (N,) to the last pass's size and success."""
        shrink = SHRINK * left + LAST_SHRINK
        radius = torch.where(self.found, self.radius, size)
        self.found = self.found | there
        smaller = torch.minimum(radius, size) * (1 - shrink)
        self.radius = torch.where(there, smaller, radius * (1 + WIDEN * shrink))
