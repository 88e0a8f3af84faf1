"""Tensor functions that attacks and victims share."""

from typing import Any

from torch import Tensor
from torch.autograd import Function


def per_item(values: Tensor, like: Tensor) -> Tensor:
    """Reshape values (N,) to broadcast over (N, ...)."""
    return values.view(-1, *(1,) * (like.ndim - 1))


def applied(function: type[Function], *arguments: Any) -> Tensor:
    """Apply one of our autograd functions, with a type: torch declares none for `apply`."""
    result: Tensor = function.apply(*arguments)
    return result
