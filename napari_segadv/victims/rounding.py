"""The victim behind a file: it sees an image as the file's whole numbers can hold it."""

from typing import Any

import torch
from torch import Tensor

from ..attacks.problem import Model
from ..common.tensors import applied


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
