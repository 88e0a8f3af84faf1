"""Models around a victim: as its file rounds, watched from outside, or several as one."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from ..attacks.problem import Model
from ..common.tensors import applied
from .bound import BoundVictim
from .windows import Passes

# Called with images (N, C, *S) and their logits (N, K, *S'), without their graph.
Watch = Callable[[Tensor, Tensor], None]


class _Round(torch.autograd.Function):
    """Whole steps away from the clean image; the gradient passes straight through."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, clean: Tensor, quantum: float) -> Tensor:
        steps = (images - clean).div_(quantum).round_()
        return steps.mul_(quantum).add_(clean)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return grads[0], None, None


class Rounded:
    """A model that answers for the image as it will be saved, not for the one it is handed.

    What an attack reaches by a hair is then still reached in the file. The rounding's derivative
    is taken as 1 (straight-through estimator, Bengio 2013, arXiv 1308.3432).
    """

    def __init__(self, model: Model, clean: Tensor, quantum: float) -> None:
        """Wraps a model.

        Args:
            model: what answers.
            clean: images (N, C, *S), which the file holds exactly.
            quantum: a step of the file, in the image's units.
        """
        self.model, self.clean, self.quantum = model, clean, quantum

    def __call__(self, images: Tensor, /) -> Tensor:
        return self.model(applied(_Round, images, self.clean, self.quantum))


class Watched:
    """A model that shows each of its passes."""

    def __init__(self, model: Model, watch: Watch) -> None:
        self.model, self.watch = model, watch

    def __call__(self, images: Tensor, /) -> Tensor:
        logits = self.model(images)
        self.watch(images.detach(), logits.detach())
        return logits


class Ensemble:
    """Models whose logits are averaged (Dong 2018, arXiv 1710.06081, eq. 9, equal weights).

    What fools several networks at once is likelier to fool one that nobody has seen.

    Attributes:
        models: at least one, on the same scan and device, with the same classes.
        image, device: of the first.
    """

    def __init__(self, models: Sequence[BoundVictim]) -> None:
        self.models = tuple(models)
        first = self.models[0]
        self.image, self.device = first.image, first.device

    def __call__(self, images: Tensor) -> Tensor:
        """Mean logits (N, K, *S') of images (N, C, *S)."""
        total = reduce(torch.add, (model(images) for model in self.models))
        return total / len(self.models)

    @property
    def passes(self) -> Passes:
        """The work of all of them."""
        return Passes(
            forward=sum(model.passes.forward for model in self.models),
            backward=sum(model.passes.backward for model in self.models),
        )
