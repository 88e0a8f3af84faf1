"""Models that wrap others: one rounds as the file does, one is watched, one averages several."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from ..attacks.problem import Model
from ..common.tensors import applied
from .bound import BoundVictim
from .windows import Passes

# Called with images (N, C, *S) and their logits (N, K, *S'), both detached.
Watch = Callable[[Tensor, Tensor], None]


class _Round(torch.autograd.Function):
    """Rounds the noise to whole steps of the file; the gradient passes straight through."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, clean: Tensor, quantum: float) -> Tensor:
        steps = (images - clean).div_(quantum).round_()
        return steps.mul_(quantum).add_(clean)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return grads[0], None, None


class Rounded:
    """A model that sees each image as it will be saved, not as it is given.

    A goal that an attack only just reaches is then still reached in the file. The derivative of
    the rounding is taken as 1 (straight-through estimator, Bengio 2013, arXiv 1308.3432).
    """

    def __init__(self, model: Model, clean: Tensor, quantum: float) -> None:
        """Wrap a model.

        Args:
            model: the model.
            clean: images (N, C, *S), which the file holds exactly.
            quantum: the size of a step in the file, in the image's units.
        """
        self.model, self.clean, self.quantum = model, clean, quantum

    def __call__(self, images: Tensor, /) -> Tensor:
        return self.model(applied(_Round, images, self.clean, self.quantum))


class Watched:
    """A model that calls `watch` after each pass."""

    def __init__(self, model: Model, watch: Watch) -> None:
        self.model, self.watch = model, watch

    def __call__(self, images: Tensor, /) -> Tensor:
        logits = self.model(images)
        self.watch(images.detach(), logits.detach())
        return logits


class Ensemble:
    """Models whose logits are averaged (Dong 2018, arXiv 1710.06081, eq. 9, equal weights).

    A perturbation that fools several networks at once is more likely to fool an unknown one.

    Attributes:
        models: at least one, on the same scan and device, with the same classes.
        image, device: of the first model.
    """

    def __init__(self, models: Sequence[BoundVictim]) -> None:
        self.models = tuple(models)
        first = self.models[0]
        self.image, self.device = first.image, first.device

    def __call__(self, images: Tensor) -> Tensor:
        """Return the mean logits (N, K, *S') of images (N, C, *S)."""
        total = reduce(torch.add, (model(images) for model in self.models))
        return total / len(self.models)

    @property
    def passes(self) -> Passes:
        """The work of all models."""
        return Passes(
            forward=sum(model.passes.forward for model in self.models),
            backward=sum(model.passes.backward for model in self.models),
        )
