"""One perturbation for many images: a weakness of the network, whoever the patient is."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from ..common.budgets import default_budget
from ..common.parameters import IMAGE_UNITS, Param, check
from ..errors import SegadvError
from .balls import Ball
from .base import Objective
from .losses import LOSSES, Outputs
from .problem import Problem, Progress
from .rules import Adam, Seen


@dataclass(frozen=True, kw_only=True)
class Universal:
    """A perturbation d that works on all images of a set (Moosavi-Dezfooli 2017).

    Stochastic descent after Shafahi 2020 (arXiv 1811.11304, algorithm 2): each step takes the
    next image, and d <- Pi(d - a_i Adam(gradient)), where a_i shrinks along a cosine over all
    passes. Each image keeps to its own bounds; d keeps to the budget.
    """

    epsilon: Annotated[
        float | None,
        Param(
            "Largest change of a pixel (Linf) or length of the whole change (L2); none: as for pgd",
            low=0.0,
            high=1e9,
            unit=IMAGE_UNITS,
        ),
    ] = None
    norm: Annotated[
        Literal["linf", "l2"], Param("How the size of the perturbation is measured")
    ] = "linf"
    epochs: Annotated[int, Param("Passes over the images", low=1, high=10_000)] = 20
    loss: Objective = "margin"

    def __post_init__(self) -> None:
        check(self)

    def budget(self, problem: Problem) -> float:
        """Return epsilon in the images' units."""
        if self.epsilon is not None:
            return self.epsilon
        return default_budget(self.norm, problem.window, problem.clean[0].numel())

    def run(self, problems: Sequence[Problem], seed: int = 0) -> "Running":
        """Yield Progress after each image and return the perturbation (1, C, *S).

        Args:
            problems: one image each, all of the same shape.
            seed: seed of the order of the images.

        Raises:
            SegadvError: if the images differ in shape, or there are none.
        """
        if not problems or len({problem.clean.shape for problem in problems}) > 1:
            raise SegadvError(
                "a universal perturbation needs images of one size; crop or resample them first"
            )
        return self._run(problems, torch.Generator().manual_seed(seed))

    def _run(self, problems: Sequence[Problem], generator: torch.Generator) -> "Running":
        first = problems[0]
        steps = self.epochs * len(problems)
        noise = torch.zeros_like(first.clean)
        # The bounds differ by image, so what they share keeps only to the budget and the region.
        free = _unbounded(first)
        radius = first.clean.new_full((1,), self.budget(first))
        ball = Ball(free, self.norm, radius)
        rule = Adam(ball, steps, radius / 4)
        scores: dict[int, Tensor] = {}
        for epoch in range(self.epochs):
            order = torch.randperm(len(problems), generator=generator).tolist()
            for place, index in enumerate(order):
                step = epoch * len(problems) + place
                problem = problems[index]
                leaf = noise.clone().requires_grad_()
                outputs = Outputs(problem.model(perturbed(problem, leaf)), problem, step / steps)
                losses = LOSSES[self.loss](outputs)
                with torch.no_grad():
                    scores[index] = torch.minimum(*outputs.shares())
                (gradient,) = torch.autograd.grad(losses.sum(), leaf)
                seen = Seen(step, losses.detach(), scores[index])
                del outputs, leaf, losses
                with torch.no_grad():
                    noise = rule(noise, ball.restrict(gradient), seen)
                yield Progress(step + 1, steps, seen.losses, torch.cat(list(scores.values())))
        return noise


Running = Generator[Progress, None, Tensor]


def perturbed(problem: Problem, noise: Tensor) -> Tensor:
    """Add the perturbation to an image, inside the image's bounds."""
    low = problem.clean.clamp_max(problem.low)
    high = problem.clean.clamp_min(problem.high)
    return torch.clamp(problem.clean + noise, low, high)


def _unbounded(problem: Problem) -> Problem:
    clean = torch.zeros_like(problem.clean)
    width = problem.high - problem.low
    return Problem(
        problem.model,
        clean,
        problem.labels,
        problem.reference,
        problem.targeted,
        low=-width,
        high=width,
        window=problem.window,
        region=problem.region,
    )
