"""Square: random search with squares of +-epsilon, from scores alone."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor

from ...common.parameters import Param
from ...common.tensors import per_item
from ..balls import Ball
from ..base import DEFAULT_GOAL, Attack, Goal
from ..loop import Plan, optimise
from ..losses import LOSSES
from ..problem import Attacking, Problem
from ..rules import Seen

# Queries, out of 10,000, after which the paper halves the share of pixels (section 5).
HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


@dataclass(frozen=True, kw_only=True)
class Square(Attack):
    """Square attack (Andriushchenko 2020, ECCV, algorithms 1 and 2) in Linf; needs no gradient.

    It starts at vertical stripes of +-epsilon. Each query tries a square in which every channel
    takes +epsilon or -epsilon, and keeps it if the loss is smaller. The share p of the pixels
    inside the square is halved at the published queries, in proportion to `steps`. In a volume the
    squares are cubes, and each slice has its own stripes. With a region, the squares are drawn
    inside the box around it.

    A square that would change nothing is drawn again in another colour, as in the authors' code,
    since it would waste a query. The items of a batch share the draws, so each gets what it would
    get alone. The loss is a mean over pixels; a classifier has one. The paper takes the margin for
    untargeted and the cross-entropy for targeted attacks. Its L2 version is not implemented.

    A model that gives masks alone has no margins: each pixel is right or wrong. Its score is then
    the mean IoU of its mask with the labels, over the structures, unless another loss is chosen.
    Towards a target by the IoU, without a region, the search starts at the image: stripes would
    first spoil the structures that are right already, and a mask says too little to mend them all.
    """

    name: ClassVar[str] = "square"
    title: ClassVar[str] = "Square (scores only)"
    source: ClassVar[str] = "Andriushchenko 2020, arXiv 1912.00049"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation", "classification", "detection")
    blind: ClassVar[bool] = True
    added: ClassVar[Mapping[str, Any]] = {"start": "stripes"}

    norm: Annotated[
        Literal["linf"], Param("How the size of the perturbation is measured: Linf only")
    ] = "linf"
    steps: Annotated[
        int, Param("Queries after the first; paper: 10,000", low=1, high=1_000_000)
    ] = 1000
    loss: Annotated[
        Literal["automatic", "margin", "cross-entropy", "soft-iou"],
        Param("Objective to minimise; automatic: margin, or the IoU of a model that gives masks"),
    ] = "automatic"
    start: Annotated[
        Literal["automatic", "stripes", "image"],
        Param(
            "Where the search starts; automatic: at stripes, or towards a target by soft-iou, "
            "without a region, at the image",
            advanced=True,
        ),
    ] = "automatic"
    p_init: Annotated[
        float,
        Param("Share of the pixels in the first squares", low=1e-6, high=1.0, advanced=True),
    ] = 0.05
    goal: Goal = DEFAULT_GOAL

    def for_masks(self) -> "Square":
        return replace(self, loss="soft-iou") if self.loss == "automatic" else self

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        ball = self.ball(problem)
        generator = torch.Generator().manual_seed(seed)
        at_image = self.start == "image" or (
            self.start == "automatic"
            and self.loss == "soft-iou"
            and problem.targeted
            and problem.region is None
        )

        def start(restart: int) -> Tensor:
            return torch.zeros_like(problem.clean) if at_image else stripes(ball, generator)

        plan = Plan(
            steps=self.steps,
            loss=LOSSES["margin" if self.loss == "automatic" else self.loss],
            rule=lambda: Search(ball, self.steps, self.p_init, generator),
            start=start,
            apply=lambda noise: problem.clean + noise,
            restrict=ball.restrict,
            goal=self.goal,
            blind=True,
        )
        return optimise(problem, plan)


def stripes(ball: Ball, generator: torch.Generator) -> Tensor:
    """Draw noise (N, C, *S) of lowest or highest values, constant along the image's columns."""
    low, high = ball.limits
    shape = list(low.shape[1:])
    shape[-2] = 1
    up = torch.randint(0, 2, shape, generator=generator).bool().to(low.device)
    return torch.where(up, high, low)


def halvings(step: int, steps: int) -> int:
    """Return how often p has been halved at a step (from 0) of a run."""
    query = step * 10_000 // steps
    return sum(query > after for after in HALVED_AFTER)


def sides_of(extent: tuple[int, ...], share: float) -> tuple[int, ...]:
    """Return the sides of the square (or cube) that takes up a share of a box.

    If an axis is too short for it, the others become longer: a CT has few slices.
    """
    volume, sides = share * math.prod(extent), [0] * len(extent)
    for left, axis in enumerate(sorted(range(len(extent)), key=lambda axis: extent[axis])):
        side = min(volume ** (1 / (len(extent) - left)), extent[axis])
        sides[axis] = max(round(side), 1)
        volume /= side
    return tuple(sides)


def boxes_of(problem: Problem) -> list[tuple[tuple[int, int], ...]]:
    """Return the first and the last index + 1 along each axis of the box around each region."""
    shape = problem.clean.shape[2:]
    whole = tuple((0, size) for size in shape)
    if problem.region is None:
        return [whole] * len(problem)
    found = []
    for region in problem.region.amax(1).cpu():
        index = region.nonzero()
        ends = (
            zip(index.amin(0).tolist(), index.amax(0).tolist(), strict=True) if len(index) else ()
        )
        found.append(tuple((low, high + 1) for low, high in ends) or whole)
    return found


class Search:
    """Random search: proposes a square on the best perturbation so far, item by item."""

    def __init__(self, ball: Ball, steps: int, p_init: float, generator: torch.Generator) -> None:
        self.low, self.high = ball.limits
        self.boxes = boxes_of(ball.problem)
        self.steps, self.p_init, self.generator = steps, p_init, generator
        self.best = self.losses = torch.empty(0)

    def __call__(self, d: Tensor, gradient: Tensor, seen: Seen) -> Tensor:
        if seen.step == 0:
            self.best, self.losses = d, seen.losses
        better = seen.losses < self.losses
        self.best = torch.where(per_item(better, d), d, self.best)
        self.losses = torch.minimum(self.losses, seen.losses)
        share = self.p_init / 2 ** halvings(seen.step, self.steps)
        place, first, second = self._draw(d)
        proposal = self.best.clone()
        for item, box in enumerate(self.boxes):
            at: tuple[int | slice, ...] = (item, slice(None), *square_in(box, share, place))
            low, high, now = self.low[at], self.high[at], self.best[at]
            square = torch.where(first, high, low)
            same = (square == now).all()
            proposal[at] = torch.where(same, torch.where(second, high, low), square)
        return proposal

    def _draw(self, d: Tensor) -> tuple[list[float], Tensor, Tensor]:
        """Draw a place, one number from 0 to 1 per axis, and two different colours (C, 1, ...)."""
        dims, channels = d.ndim - 2, d.shape[1]
        place = torch.rand(dims, generator=self.generator, dtype=torch.float64).tolist()
        first = torch.randint(0, 2, (channels,), generator=self.generator)
        change = torch.zeros_like(first)
        while not change.any():
            change = torch.randint(0, 2, (channels,), generator=self.generator)
        colours = torch.stack([first, first ^ change]).bool().to(d.device)
        shaped = colours.view(2, channels, *[1] * dims)
        return place, shaped[0], shaped[1]


def square_in(
    box: tuple[tuple[int, int], ...], share: float, place: list[float]
) -> tuple[slice, ...]:
    """Return where in a box a square with a share of its pixels lies; each place is as likely."""
    sides = sides_of(tuple(high - low for low, high in box), share)
    found = []
    for (low, high), side, u in zip(box, sides, place, strict=True):
        start = low + int(u * (high - low - side + 1))
        found.append(slice(start, start + side))
    return tuple(found)
