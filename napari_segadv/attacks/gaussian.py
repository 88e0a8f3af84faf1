"""Blurring by a Gaussian."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Beyond = Literal["constant", "replicate"]
# Where the kernel of `smoothed` ends, in standard deviations, and the least one that smooths.
ENDS, LEAST = 3, 0.2


def blurred(images: Tensor, kernel: int, sigma: float, beyond: Beyond = "constant") -> Tensor:
    """Blur each channel of images by a Gaussian, axis by axis.

    Args:
        images: (N, C, *S), with one to three axes S.
        kernel: width of the kernel in pixels, odd.
        sigma: standard deviation in pixels.
        beyond: what lies outside the image: "constant", zeros; "replicate", its border's pixels.

    Returns:
        (N, C, *S).
    """
    flat = images.flatten(0, 1).unsqueeze(1)
    for axis in range(images.ndim - 2):
        flat = _along(flat, axis, kernel, sigma, beyond)
    return flat.view_as(images)


def smoothed(images: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Blur each channel of images (N, C, *S) by a Gaussian of a sigma of its own along each axis.

    Sigmas are in pixels of their axis; one below 0.2 leaves its axis alone. Outside are zeros.
    """
    flat = images.flatten(0, 1).unsqueeze(1)
    for axis, sigma in enumerate(sigmas):
        if sigma >= LEAST:
            flat = _along(flat, axis, 2 * math.ceil(ENDS * sigma) + 1, sigma, "constant")
    return flat.view_as(images)


def _along(flat: Tensor, axis: int, kernel: int, sigma: float, beyond: Beyond) -> Tensor:
    """Blur images (M, 1, *S) along one axis of S."""
    offsets = torch.arange(kernel, dtype=flat.dtype, device=flat.device) - kernel // 2
    weights = torch.exp(-0.5 * (offsets / sigma).square())
    weights = weights / weights.sum()
    dims = flat.ndim - 2
    shape, pad = [1] * dims, [0] * (2 * dims)
    shape[axis] = kernel
    # F.pad counts axes from the last one.
    pad[2 * (dims - 1 - axis)] = pad[2 * (dims - 1 - axis) + 1] = kernel // 2
    convolve = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[dims]
    return convolve(F.pad(flat, pad, mode=beyond), weights.view(1, 1, *shape))
