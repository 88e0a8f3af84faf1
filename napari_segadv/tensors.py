"""What attacks and victims both need of tensors."""

from torch import Tensor


def per_item(values: Tensor, like: Tensor) -> Tensor:
    """Values (N,) shaped to broadcast over (N, ...)."""
    return values.view(-1, *(1,) * (like.ndim - 1))
