"""The blend of windows as nnU-Net computes it: sums in half precision, one for each network."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .pieces import Index


@torch.no_grad()
def half_sums(
    x: Tensor,
    network: Callable[[Tensor], Tensor],
    places: Sequence[Index],
    weight: Tensor,
    members: int,
    done: Callable[[float], None],
) -> Tensor:
    """Blend the network's output on all windows; without a gradient.

    Every sum is rounded to float16 after each window, in nnU-Net's order, so that the rounding is
    nnU-Net's too: it decides between two classes where their logits nearly agree.

    Args:
        x: (N, C, *S).
        network: (1, C, *roi) to (1, members * K, *roi).
        places: of the windows.
        weight: float16 (1, 1, *roi).
        members: how many networks' outputs are in one another's channels; averaged at the end.
        done: called after each window with its share of the work.

    Returns:
        Logits (N, K, *S), float32 but rounded to float16.
    """
    blended = []
    for image in x.split(1):
        total = torch.zeros_like(image[:, :1], dtype=torch.half)
        out: Tensor | None = None
        for place in places:
            y = network(image[:, :, *place].clone()) * weight
            if out is None:
                out = y.new_zeros(1, y.shape[1], *image.shape[2:], dtype=torch.half)
            out[:, :, *place] += y
            total[:, :, *place] += weight
            done(1 / (len(places) * len(x)))
        assert out is not None
        blended.append(_mean(out.div_(total), members))
    return torch.cat(blended).float()


def _mean(blended: Tensor, members: int) -> Tensor:
    """Average (1, members * K, *S) over the members, in half precision."""
    if members == 1:
        return blended
    first, *others = blended.chunk(members, dim=1)
    for other in others:
        first += other
    return first.div_(members)
