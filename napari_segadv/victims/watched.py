"""A victim that lets somebody look on: each image that an attack tries, and what came out."""

from collections.abc import Callable

from torch import Tensor

from ..attacks.problem import Model

# Called with images (N, C, *S) and their logits (N, K, *S'), without their graph.
Watch = Callable[[Tensor, Tensor], None]


class Watched:
    """A model that shows each of its passes."""

    def __init__(self, model: Model, watch: Watch) -> None:
        self.model, self.watch = model, watch

    def __call__(self, images: Tensor, /) -> Tensor:
        logits = self.model(images)
        self.watch(images.detach(), logits.detach())
        return logits
