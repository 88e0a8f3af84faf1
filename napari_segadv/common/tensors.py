"""What attacks and victims both need of tensors."""

from typing import Any

from torch import Tensor
from torch.autograd import Function


def per_item(values: Tensor, like: Tensor) -> Tensor:
    """Values (N,) shaped to broadcast over (N, ...)."""
    return values.view(-1, *(1,) * (like.ndim - 1))


def applied(function: type[Function], *arguments: Any) -> Tensor:
    """What an autograd function of ours gives. Torch declares no types for `apply`."""
    result: Tensor = function.apply(*arguments)
    return result
