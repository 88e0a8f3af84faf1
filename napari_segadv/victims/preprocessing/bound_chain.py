"""A chain of steps on a given grid: images forward, values back."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .axes import BACK, Affine, Back


@dataclass(frozen=True)
class Space:
    """A grid as MONAI knows it: shape, and affine from index to RAS world."""

    shape: tuple[int, ...]
    affine: Affine


@dataclass(frozen=True)
class BoundTransform:
    """A step on a given grid: images forward, values back in the way that is asked for.

    Attributes:
        cuts: whether it cuts pixels off.
        interpolates: whether it resamples.
        exactly_back: the way back with the values that MONAI computes; None: `backward` has them.
    """

    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Back], Tensor]
    cuts: bool = False
    interpolates: bool = False
    exactly_back: Callable[[Tensor, Back], Tensor] | None = None


@dataclass(frozen=True)
class BoundChain:
    """A chain on a given grid.

    `forward` maps images (N, C, *S) to the network's grid and intensities; `backward` maps class
    logits from there back to S. Both are differentiable.
    """

    steps: tuple[BoundTransform, ...]
    space: Space

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step.forward(x)
        return x

    def backward(self, z: Tensor, way: Back = BACK) -> Tensor:
        if not (way.certain and self._mixes):
            for step in reversed(self.steps):
                z = step.backward(z, way)
            return z
        # What was cut off after a resampling is 0 there, as with MONAI, and is interpolated with
        # what lies beside it, be it by a weight of 1e-17. Only pixels that get nothing but that
        # are certain background.
        way, certain = replace(way, certain=0.0), way.certain
        nothing = self._undone(torch.ones_like(z[:1, :1]), way) == 0
        z = self._undone(z, way)
        return torch.cat([z[:, :1] + certain * nothing, z[:, 1:]], dim=1)

    def _undone(self, z: Tensor, way: Back) -> Tensor:
        for step in reversed(self.steps):
            z = (step.exactly_back or step.backward)(z, way)
        return z

    @property
    def cuts(self) -> bool:
        """Whether a step cuts pixels off."""
        return any(step.cuts for step in self.steps)

    @property
    def interpolates(self) -> bool:
        """Whether a step resamples."""
        return any(step.interpolates for step in self.steps)

    @property
    def _mixes(self) -> bool:
        """Whether a step cuts off pixels of an image that has been resampled."""
        first = next((n for n, step in enumerate(self.steps) if step.interpolates), None)
        return first is not None and any(step.cuts for step in self.steps[first:])
