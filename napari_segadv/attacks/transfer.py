"""Noise that other networks are fooled by, too: a gradient that several copies of an image share.

A network that an attack can't see is fooled by what most networks have in common. So the gradient
of a step is averaged over copies of the image: resized (DI-FGSM), of less contrast (SI-FGSM), with
the noise shifted (TI-FGSM). What comes out is judged on the image itself, never on a copy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.parameters import Param
from ..errors import SegadvError
from .gaussian import blurred
from .problem import Problem

# The smallest size of a resized image, as a share of the image's own; in Xie 2019, 299 / 330.
SMALLEST = 0.9
# The shift at which TI's Gaussian ends, in standard deviations; that of Dong 2019's code.
ENDS = 3


@dataclass(frozen=True, kw_only=True)
class Transferring:
    """The parameters of an attack by additive noise that let it carry over to other networks.

    If any of them is on, the run takes all its steps, since success on the network that it sees
    says little of others, and the last image is the result, as published. An attack that looks for
    the smallest change still returns that.
    """

    # Results that were saved before they existed had none of them.
    added: ClassVar[Mapping[str, Any]] = {"diversity": 0.0, "translation": 0, "scales": 1}

    diversity: Annotated[
        float,
        Param(
            "For transfer to other models: probability that a step sees the image a little smaller "
            "and at a random place; paper: 0.5",
            low=0.0,
            high=1.0,
            advanced=True,
            step=0.1,
        ),
    ] = 0.0
    translation: Annotated[
        int,
        Param(
            "For transfer: largest shift of the noise, in pixels, over which the gradient is "
            "averaged; paper: 7",
            low=0,
            high=100,
            advanced=True,
        ),
    ] = 0
    scales: Annotated[
        int,
        Param(
            "For transfer: number of copies, each of half the contrast of the one before, whose "
            "gradients are averaged; paper: 5. Each takes a pass",
            low=1,
            high=16,
            advanced=True,
        ),
    ] = 1

    def transfer(self, problem: Problem, seed: int) -> "Transfer | None":
        """Return what a run does for the noise to carry over; None: nothing.

        Args:
            problem: the problem of the run.
            seed: seed of the random sizes and places.

        Raises:
            SegadvError: if a resized image is asked for, but the model predicts neither pixels nor
                one class of the whole image.
        """
        if not self.diversity and not self.translation and self.scales == 1:
            return None
        if self.diversity and not _follows(problem):
            raise SegadvError(
                f"diversity={self.diversity:g}: the model predicts boxes by anchors, which can't "
                "follow a resized image; set it to 0"
            )
        return Transfer(problem, self.diversity, self.translation, self.scales, seed)


def _follows(problem: Problem) -> bool:
    """Return whether the labels are those of pixels, or of the whole image."""
    cells = problem.labels.shape[1:]
    return cells == problem.clean.shape[2:] or cells.numel() == 1


@dataclass(frozen=True)
class Copy:
    """A copy of images (N, C, *S), on the same grid.

    Along the last two axes: of a volume, each slice along the first axis is a picture of its own.

    Attributes:
        black: the intensity that the window begins at, or a tensor (1, C, ...) of each channel's.
        contrast: what the distance to black is multiplied with.
        box: first row, first column, rows and columns of the resized image, in a black frame of the
            image's size; None: not resized.
    """

    black: float | Tensor = 0.0
    contrast: float = 1.0
    box: tuple[int, int, int, int] | None = None

    @property
    def same(self) -> bool:
        """True if the copy is the image itself."""
        return self.contrast == 1 and self.box is None

    def __call__(self, images: Tensor) -> Tensor:
        """Return the copy (N, C, *S) of images."""
        if self.contrast != 1:
            images = self.black + (images - self.black) * self.contrast
        if self.box is None:
            return images
        top, left, rows, columns = self.box
        below = images.shape[-2] - top - rows
        right = images.shape[-1] - left - columns
        small = resized(images, (rows, columns)) - self.black
        return self.black + F.pad(small, (left, right, top, below))

    def back(self, logits: Tensor) -> Tensor:
        """Return logits (N, K, *S) of the copy on the pixels of the image.

        The logits of a whole image (N, K, 1) stay as they are.
        """
        if self.box is None or logits.ndim < 4:
            return logits
        top, left, rows, columns = self.box
        inside = logits[..., top : top + rows, left : left + columns]
        return resized(inside, (logits.shape[-2], logits.shape[-1]))


ITSELF = Copy()


class Transfer:
    """What a run does for its noise to carry over to other networks; holds its random numbers."""

    def __init__(
        self, problem: Problem, diversity: float, translation: int, scales: int, seed: int
    ) -> None:
        """Begin a run.

        Args:
            problem: gives the size of the images and their black.
            diversity: probability that a copy is resized.
            translation: largest shift, in pixels.
            scales: number of copies in a step.
            seed: of all random numbers.
        """
        self.black = problem.black
        self.size = problem.clean.shape[-2:]
        self.diversity, self.translation, self.scales = diversity, translation, scales
        self.generator = torch.Generator().manual_seed(seed)

    def copies(self) -> tuple[Copy, ...]:
        """Draw the copies of one step, of contrast 1, 1/2, 1/4 and so on.

        The items of a batch share the draws, so each gets what it would get alone.
        """
        return tuple(Copy(self.black, 0.5**n, self._box()) for n in range(self.scales))

    def _box(self) -> tuple[int, int, int, int] | None:
        """Draw whether a copy is resized, and its size and place (Xie 2019)."""
        if not self.diversity:
            return None
        draws = torch.rand(4, generator=self.generator, dtype=torch.float64).tolist()
        chance, factor, down, right = draws
        if chance >= self.diversity:
            return None
        share = SMALLEST + (1 - SMALLEST) * factor
        rows, columns = (max(1, round(share * n)) for n in self.size)
        top = int(down * (self.size[0] - rows + 1))
        return top, int(right * (self.size[1] - columns + 1)), rows, columns

    def gradient(
        self,
        leaf: Tensor,
        losses: Tensor,
        copies: tuple[Copy, ...],
        losses_of: Callable[[Copy, Tensor], Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Return the gradient (N, C, *S) of the noise and the losses (N,), means over the copies.

        Args:
            leaf: the noise (N, C, *S).
            losses: at the images themselves; with a graph if they are the first copy.
            copies: of this step.
            losses_of: returns the losses (N,) of a copy, with a graph, for a leaf.
        """
        total, total_losses = torch.zeros_like(leaf), torch.zeros_like(losses)
        for copy in copies:
            if not copy.same:
                leaf = leaf.detach().requires_grad_()
                losses = losses_of(copy, leaf)
            (gradient,) = torch.autograd.grad(losses.sum(), leaf)
            total += gradient
            total_losses += losses.detach()
        return self.shared(total / len(copies)), total_losses / len(copies)

    def shared(self, gradient: Tensor) -> Tensor:
        """Return a gradient (N, C, *S), averaged over shifts of the noise (Dong 2019).

        The shifts are along the last two axes, weighted by a Gaussian. Of a volume each slice is
        taken by itself: slices are often several times as far apart as pixels, and a network that
        sees slices relates none to another.
        """
        if not self.translation:
            return gradient
        pictures = gradient.flatten(1, -3)
        kernel, sigma = 2 * self.translation + 1, self.translation / ENDS
        return blurred(pictures, kernel, sigma).view_as(gradient)


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize images (N, C, *S) along their last two axes, linearly."""
    pictures = images.flatten(1, -3)
    pictures = F.interpolate(pictures, size=size, mode="bilinear", align_corners=False)
    return pictures.view(*images.shape[:-2], *size)
