"""Values as MONAI computes them, with the gradient of our own step.

Ours differ from MONAI's by a ten-millionth or so, which matters to nothing but a step that tells 0
from almost 0: where neighbours cancel out, a resampling of MONAI's gives 0 or 1e-17, and then the
pixel is left out of a normalisation or takes part in it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...common.tensors import applied

Function = Callable[[Tensor], Tensor]


class _Exactly(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, theirs: Function, ours: Function) -> Tensor:
        ctx.ours = ours
        ctx.save_for_backward(x)
        return theirs(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            (found,) = torch.autograd.grad(ctx.ours(x), x, grads[0])
        return found, None, None


def exactly(theirs: Function, ours: Function) -> Function:
    """Return a step on images (N, C, *S) with the values of one function, and the other's gradient.

    Args:
        theirs: MONAI's step on one image (C, *S). It runs on the CPU, so that its values do not
            depend on the device.
        ours: the same on images (N, C, *S), but for rounding; differentiable.
    """

    def values(x: Tensor) -> Tensor:
        return torch.stack([theirs(one) for one in x.detach().cpu()]).to(x)

    return lambda x: applied(_Exactly, x, values, ours)
