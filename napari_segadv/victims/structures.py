"""Structures that may overlap, as classes: a class for each combination of them.

K sigmoids with logits z_k are exactly a softmax over the 2**K combinations, with the sum of the z_k
of its structures as a combination's logit. The cross-entropy of a combination is then the sum of
the K binary cross-entropies, and the likeliest combination holds the structures with z_k above 0.
So attacks, budgets and two-pass gradients treat such a victim as one with 2**K classes.
"""

import torch
from torch import Tensor

from ..data.overlapping import MOST_STRUCTURES


def joint(z: Tensor) -> Tensor:
    """Return the logits (N, 2**K, *S) of all combinations of K structures (N, K, *S).

    Channel c is the sum of the logits of the structures whose bit is set in c; channel 0 is 0.
    """
    found = torch.zeros_like(z[:, :1])
    for one in z.split(1, dim=1):
        found = torch.cat([found, found + one], dim=1)
    return found


def single(logits: Tensor) -> Tensor:
    """Return the structures' own logits (N, K, *S), exactly those that `joint` was given."""
    count = logits.shape[1].bit_length() - 1
    return logits[:, [1 << k for k in range(count)]] - logits[:, :1]


def combined(maps: Tensor) -> Tensor:
    """Return the combinations (N, *S) of binary maps (N, K, *S)."""
    found = torch.zeros_like(maps[:, 0], dtype=torch.long)
    for k, one in enumerate(maps.unbind(1)):
        found |= (one != 0).long() << k
    return found


def taken_apart(numbers: Tensor, count: int) -> Tensor:
    """Return binary maps (N, K, *S) of combinations (N, *S)."""
    return torch.stack([numbers >> k & 1 for k in range(count)], dim=1)


def pairs(numbers: Tensor, care: Tensor | None = None) -> Tensor:
    """Count the pairs (N,) of a pixel and a structure in combinations (N, *S).

    Args:
        numbers: the combinations.
        care: weights (N, *S); pixels of weight 0 do not count. None: all count.
    """
    return pairs_of_each(numbers, care).sum(1)


def pairs_of_each(numbers: Tensor, care: Tensor | None = None) -> Tensor:
    """Count the pixels (N, structures) of each structure in combinations, as `pairs` does."""
    if care is not None:
        numbers = numbers * (care > 0)
    flat = numbers.flatten(1)
    return torch.stack([(flat >> k & 1).sum(1) for k in range(MOST_STRUCTURES)], dim=1)
