"""Step rules: how a perturbation moves along the gradient."""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..common.tensors import per_item
from .balls import Ball


@dataclass(frozen=True)
class Seen:
    """What the pass at a perturbation showed about each item.

    Attributes:
        step: number of the step, from 0.
        losses: (N,).
        scores: (N,), the smaller of `moved` and `kept` at this perturbation.
    """

    step: int
    losses: Tensor
    scores: Tensor


class Rule(Protocol):
    """Moves a perturbation; holds the state of one run.

    It is called with the perturbation (N, C, *S) inside the ball, the gradient of the loss there
    (already restricted to the region; empty for an attack by scores) and what the pass showed. It
    returns the next perturbation inside the ball.
    """

    def __call__(self, d: Tensor, gradient: Tensor, seen: Seen, /) -> Tensor: ...


class Sign:
    """d <- Pi(d - a sign g) (Madry 2018, eq. 1); for L2, with the normalised gradient."""

    def __init__(self, ball: Ball, steps: int, size: Tensor | None) -> None:
        self.ball = ball
        self.size = ball.radius / 20 if size is None else size

    def __call__(self, d: Tensor, gradient: Tensor, seen: Seen) -> Tensor:
        return self.ball.project(d - per_item(self.size, d) * self.ball.steepest(gradient))


class Momentum(Sign):
    """m <- mu m + g / mean |g|, then a sign step along m (Dong 2018, eq. 6)."""

    mu = 1.0

    def __init__(self, ball: Ball, steps: int, size: Tensor | None) -> None:
        super().__init__(ball, steps, size)
        self.m: Tensor | None = None

    def __call__(self, d: Tensor, gradient: Tensor, seen: Seen) -> Tensor:
        mean = gradient.abs().flatten(1).mean(1).clamp_min(1e-38)
        unit = gradient / per_item(mean, gradient)
        self.m = unit if self.m is None else self.mu * self.m + unit
        return super().__call__(d, self.m, seen)


class Adam:
    """Adam (Kingma & Ba 2015) in units of the first gradient; the step shrinks along a cosine.

    d <- Pi(d - a_i m^ / (sqrt v^ + damping)) with g in units of sum g_0^2 / sum |g_0|, the size
    of the first gradient where it is large. The damping spares pixels on which the loss hardly
    depends: at the same IoU, less of the image changes, and after the same number of steps the IoU
    is higher (`benchmarks/hearts.py`). A run has a few dozen steps, so both averages are
    shorter than those for training a network.

    In a round ball, the direction is m^ itself and the first step is half the radius. Dividing each
    entry by its size suits a box; in a ball it spends length on pixels that hardly matter.
    """

    beta1, beta2, damping = 0.6, 0.9, 0.2

    def __init__(self, ball: Ball, steps: int, size: Tensor | None) -> None:
        self.ball, self.steps = ball, steps
        first = ball.radius / 2 if ball.round else ball.radius
        self.size = first if size is None else size
        self.m = self.v = self.scale = torch.empty(0)

    def __call__(self, d: Tensor, gradient: Tensor, seen: Seen) -> Tensor:
        if not self.m.numel():
            self.scale = per_item(1 / typical_size(gradient), gradient)
            self.m, self.v = torch.zeros_like(gradient), torch.zeros_like(gradient)
        g = gradient * self.scale
        self.m.lerp_(g, 1 - self.beta1)
        direction = self.ball.steepest(self.m) if self.ball.round else self._divided(g, seen.step)
        share = (1 + math.cos(math.pi * seen.step / self.steps)) / 2
        return self.ball.project(d - direction * per_item(share * self.size, d))

    def _divided(self, g: Tensor, step: int) -> Tensor:
        """Return m^ / (sqrt v^ + damping), with the bias corrections of both averages combined."""
        self.v.mul_(self.beta2).addcmul_(g, g, value=1 - self.beta2)
        first = 1 - self.beta1 ** (step + 1)
        second = first / math.sqrt(1 - self.beta2 ** (step + 1))
        size = self.v.sqrt().mul_(second).add_(first * self.damping)
        return torch.div(self.m, size, out=size)


def typical_size(gradient: Tensor) -> Tensor:
    """Return sum g^2 / sum |g| per item (N,): the size of a gradient where it is not near 0."""
    sizes = gradient.abs().flatten(1)
    # Divides by the largest entry first: squares of small float32 gradients underflow.
    peak = sizes.amax(1, keepdim=True)
    peak = torch.where(peak > 0, peak, 1.0)
    parts = sizes / peak
    total = parts.sum(1)
    share = parts.square().sum(1) / torch.where(total > 0, total, 1.0)
    return torch.where(total > 0, share * peak.squeeze(1), 1.0)


class APGD:
    """Auto-PGD (Croce & Hein 2020, algorithm 1): momentum, and a step that halves itself."""

    def __init__(self, ball: Ball, steps: int, size: Tensor | None) -> None:
        self.ball = ball
        self.eta = (2 * ball.radius if size is None else size).clone()
        self.checkpoints = checkpoints(steps)
        self.last_checkpoint = 0
        self.before: Tensor | None = None
        self.best_losses = self.previous = torch.empty(0)
        self.best = self.best_gradient = torch.empty(0)
        self.better = torch.empty(0)
        self.halved = torch.empty(0)
        self.losses_then = torch.empty(0)

    def __call__(self, d: Tensor, gradient: Tensor, seen: Seen) -> Tensor:
        losses = seen.losses
        if self.before is None:
            self.best_losses = self.losses_then = self.previous = losses
            self.best, self.best_gradient = d, gradient
            self.better = torch.zeros_like(losses)
            self.halved = torch.ones_like(losses, dtype=torch.bool)
            self.before = d
            return self._move(d, d, gradient, momentum=0.0)
        self.better = self.better + (losses < self.previous)
        self.previous = losses
        improved = losses < self.best_losses
        self.best_losses = torch.minimum(losses, self.best_losses)
        self.best = torch.where(per_item(improved, d), d, self.best)
        self.best_gradient = torch.where(per_item(improved, d), gradient, self.best_gradient)
        before = self.before
        if seen.step in self.checkpoints:
            few = self.better < 0.75 * (seen.step - self.last_checkpoint)
            stuck = ~self.halved & (self.best_losses >= self.losses_then)
            halve = few | stuck
            self.eta = torch.where(halve, self.eta / 2, self.eta)
            back = per_item(halve, d)
            d = torch.where(back, self.best, d)
            before = torch.where(back, self.best, before)
            gradient = torch.where(back, self.best_gradient, gradient)
            self.halved, self.losses_then = halve, self.best_losses
            self.better = torch.zeros_like(self.better)
            self.last_checkpoint = seen.step
        self.before = d
        return self._move(d, before, gradient, momentum=0.25)

    def _move(self, d: Tensor, before: Tensor, gradient: Tensor, momentum: float) -> Tensor:
        step = per_item(self.eta, d) * self.ball.steepest(gradient)
        z = self.ball.project(d - step)
        return self.ball.project(d + (1 - momentum) * (z - d) + momentum * (d - before))


def checkpoints(steps: int) -> frozenset[int]:
    """Return APGD's checkpoints: 0.22 T, then gaps that shrink by 0.03 T each, down to 0.06 T."""
    gap, at, found = 0.22, 0.22, set()
    while at < 1:
        # Rounds first: in floating point, 0.8 of 100 is slightly above 80.
        found.add(math.ceil(round(at * steps, 6)))
        gap = max(gap - 0.03, 0.06)
        at += gap
    return frozenset(found)


RULES: dict[str, type[Sign] | type[Momentum] | type[Adam] | type[APGD]] = {
    "adam": Adam,
    "apgd": APGD,
    "sign": Sign,
    "momentum": Momentum,
}
