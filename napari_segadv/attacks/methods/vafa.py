"""VAFA: an image whose block frequencies are rounded, as JPEG does, by a table made to mislead."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ...common.parameters import Param
from ..base import DEFAULT_GOAL, Attack, FreeBudget, Goal, Objective, Steps
from ..loop import Plan, optimise
from ..losses import LOSSES
from ..problem import Attacking, Problem
from ..rules import Seen
from ..visible import ssim

# Side of the blocks: of a volume as in the paper, of a picture as in JPEG and AdvDrop.
VOLUME_BLOCK, PICTURE_BLOCK = 32, 8


@dataclass(frozen=True, kw_only=True)
class VAFA(Attack):
    """Volumetric adversarial frequency attack (Hanif 2023, MICCAI, algorithm 1).

    The image is cut into blocks, and each is described by its frequencies c (an orthonormal DCT).
    With a table q of one entry for each frequency, which all blocks share, every c becomes
    q round(c / q), so the image only loses information, as in AdvDrop (Duan 2021, ICCV). The
    table is what the attack searches for: it starts at 1, and each step adds or subtracts
    `step_size` by the sign of the gradient, within 1 and `q_max`. Entries are in grey levels of the
    victim's window, 1/255 of it, as the paper's images are.

    The loss is the chosen objective plus `similarity` times 1 - SSIM of image and clean image,
    slice by slice. The derivative of rounding is 0 almost everywhere; the one used here is 1, so
    that of q round(c / q) by q is round(c / q) - c / q: what is lost grows in proportion to q.

    The paper has no other budget than q_max and takes all its steps. A budget clips the change that
    the rounding makes. Pictures, which the paper does not attack, have blocks of 8 pixels.
    """

    name: ClassVar[str] = "vafa"
    title: ClassVar[str] = "VAFA (block frequencies)"
    source: ClassVar[str] = "Hanif 2023, arXiv 2307.07269; Duan 2021, arXiv 2108.09034"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation", "classification", "detection")
    unbounded: ClassVar[bool] = True
    published: ClassVar[Mapping[str, Any]] = {"goal": None}

    epsilon: FreeBudget = None
    steps: Steps = 20
    q_max: Annotated[
        float,
        Param(
            "Largest entry of the table, in 1/255 of the window: how coarsely a frequency may be "
            "rounded",
            low=1.0,
            high=1e6,
        ),
    ] = 20.0
    step_size: Annotated[
        float,
        Param("By how much a step changes an entry of the table", low=0.001, high=1e6),
    ] = 1.0
    block: Annotated[
        int | None,
        Param(
            "Side of the blocks in pixels; none: 32 in volumes (paper), 8 in pictures",
            low=2,
            high=512,
            advanced=True,
        ),
    ] = None
    loss: Objective = "soft-iou"
    similarity: Annotated[
        float, Param("Weight of 1 - SSIM in the loss; 0: none", low=0.0, high=1e6)
    ] = 1.0
    goal: Goal = DEFAULT_GOAL

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        ball = self.ball(problem)
        shape = problem.clean.shape[2:]
        side = self.block or (PICTURE_BLOCK if len(shape) == 2 else VOLUME_BLOCK)
        frequencies = Frequencies(problem, [min(side, length) for length in shape])

        def apply(table: Tensor) -> Tensor:
            return problem.clean + ball.project(frequencies.lost(table))

        def dissimilar(table: Tensor) -> Tensor:
            clean, made = problem.clean - problem.black, apply(table) - problem.black
            return self.similarity * (1 - ssim(clean, made, problem.span))

        plan = Plan(
            steps=self.steps,
            loss=LOSSES[self.loss],
            rule=lambda: self._step,
            start=lambda restart: frequencies.table(),
            apply=apply,
            restrict=lambda gradient: gradient,
            goal=self.goal,
            penalty=dissimilar if self.similarity else None,
        )
        return optimise(problem, plan)

    def _step(self, table: Tensor, gradient: Tensor, seen: Seen) -> Tensor:
        """Return the next table."""
        return (table - self.step_size * gradient.sign()).clamp(1.0, self.q_max)


class Frequencies:
    """The frequencies of the blocks of a problem's images.

    An image whose sides are no multiples of a block's is continued by its last pixels.
    """

    def __init__(self, problem: Problem, sides: Sequence[int]) -> None:
        self.sides, self.shape = sides, problem.clean.shape
        self.unit = problem.span / 255
        clean = problem.clean
        self.matrices = [dct_matrix(side).to(clean) for side in sides]
        self.clean = turned(self._cut((clean - problem.black) / self.unit), self.matrices)

    def table(self) -> Tensor:
        """Return the table (N, C, *sides) of ones."""
        return self.clean.new_ones(*self.shape[:2], *self.sides)

    def lost(self, table: Tensor) -> Tensor:
        """Return what rounding by a table (N, C, *sides) does to the images, (N, C, *S)."""
        q = table.unsqueeze(2)
        change = q * rounded(self.clean / q) - self.clean
        back = turned(change, [matrix.T for matrix in self.matrices])
        return self._joined(back) * self.unit

    def _cut(self, images: Tensor) -> Tensor:
        """Return the blocks (N, C, M, *sides) of images (N, C, *S)."""
        pad = [
            part
            for length, side in zip(self.shape[:1:-1], self.sides[::-1], strict=True)
            for part in (0, -length % side)
        ]
        images = F.pad(images, pad, mode="replicate")
        for axis, side in enumerate(self.sides):
            images = images.unfold(2 + axis, side, side)
        self.counts = images.shape[2 : 2 + len(self.sides)]
        return images.flatten(2, 1 + len(self.sides))

    def _joined(self, blocks: Tensor) -> Tensor:
        """Return the images (N, C, *S) of blocks (N, C, M, *sides)."""
        dims = len(self.sides)
        split = blocks.unflatten(2, self.counts)
        # Each count before the side of its axis.
        order = [axis for first in range(2, 2 + dims) for axis in (first, first + dims)]
        whole = [count * side for count, side in zip(self.counts, self.sides, strict=True)]
        images: Tensor = split.permute(0, 1, *order).reshape(*self.shape[:2], *whole)
        for axis, length in enumerate(self.shape[2:], start=2):
            images = images.narrow(axis, 0, length)
        return images


def dct_matrix(side: int) -> Tensor:
    """Return the orthonormal DCT-II (side, side): its rows are the frequencies."""
    at = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    rows = torch.cos(math.pi * at * torch.arange(side, dtype=torch.float64)[:, None])
    rows *= math.sqrt(2 / side)
    rows[0] /= math.sqrt(2)
    return rows


def turned(blocks: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Apply a matrix along each of the last axes of blocks (N, C, M, *sides)."""
    for axis, matrix in enumerate(matrices, start=3):
        blocks = (blocks.movedim(axis, -1) @ matrix.T).movedim(-1, axis)
    return blocks


def rounded(values: Tensor) -> Tensor:
    """Round values; the gradient passes straight through (Bengio 2013)."""
    return values + (values.round() - values).detach()
