"""Several victims on one scan, attacked as if they were one."""

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from .bound import BoundVictim
from .windows import Passes


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
