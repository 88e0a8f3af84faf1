"""Blurring by a Gaussian."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


def blurred(
    images: Tensor, kernel: int, sigma: float, beyond: Literal["constant", "replicate"] = "constant"
) -> Tensor:
    """Blur each channel of images by a Gaussian, axis by axis.

    Args:
        images: (N, C, *S), with one to three axes S.
        kernel: width of the kernel in pixels, odd.
        sigma: standard deviation in pixels.
        beyond: what lies outside the image: "constant", zeros; "replicate", its border's pixels.

    Returns:
        (N, C, *S).
    """
    offsets = torch.arange(kernel, dtype=images.dtype, device=images.device) - kernel // 2
    weights = torch.exp(-0.5 * (offsets / sigma).square())
    weights = weights / weights.sum()
    dims = images.ndim - 2
    convolve = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[dims]
    flat = F.pad(images.flatten(0, 1).unsqueeze(1), (kernel // 2,) * (2 * dims), mode=beyond)
    for axis in range(dims):
        shape = [1] * dims
        shape[axis] = kernel
        flat = convolve(flat, weights.view(1, 1, *shape))
    return flat.view_as(images)
