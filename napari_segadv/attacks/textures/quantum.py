"""Noise that looks like that of the scanner: with the spectrum and the strength of the image's own.

The noise of an X-ray or CT image comes from the number of quanta that were counted, so it is
stronger behind dense tissue, and has the spectrum that detector and reconstruction give it. A
single image shows both: flat blocks its spectrum (how a noise power spectrum is measured, see
Dolly 2016, J. Appl. Clin. Med. Phys. 17(3)), all blocks its strength.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import SegadvError
from ..gaussian import blurred
from ..problem import Problem
from ..texture import Texture

# Side in pixels of the blocks whose spectrum is measured, and reach of the kernel made from it.
SIDE, REACH = 32, 7
# Side of the blocks whose noise is measured.
SMALL = 16
# What counts as structure, not as noise: what is left under a Gaussian of this sigma, in pixels.
COARSE, ACROSS = 2.0, 13
# The spectrum is that of this share of the blocks, the ones in which noise exceeds structure most.
# Blocks with less than LOW times the usual noise, such as black borders, are not among them.
FLATTEST, LOW = 0.25, 0.25
# Below this share of the largest intensity, a difference is one of float32 arithmetic.
NOTHING = 1e-6
# The strength at which the noise may be as large as the budget: exceeded by 5 % of the pixels.
TOP = 0.95


def quantum(problem: Problem, grain: float | None) -> Texture:
    """Return the map from v to s (k * v), noise like that of the image.

    k is the kernel whose transfer function is the root of the image's noise power spectrum, with
    sum |k| = 1; s, from 0 to 1, is the local strength of the image's noise: 0 where the image is
    flat. Each channel has its own; one without noise gets none. Of a volume, each slice is a
    picture of its own, with a kernel that all share.

    Raises:
        SegadvError: if no channel of an image has noise, or a grain is given.
    """
    if grain is not None:
        raise SegadvError(
            f"grain={grain:g}: the texture quantum has the grain of the image; remove it"
        )
    # (slices, rows, columns) of each channel of each item. In double precision: a GPU may blur
    # float32 with fewer digits, and what a blur removes would then be its rounding errors.
    clean = problem.clean.double().flatten(0, 1)
    found = [measured(one.reshape(-1, *one.shape[-2:])) for one in clean]
    kernels, strengths = (
        torch.stack(parts).to(problem.clean) for parts in zip(*found, strict=True)
    )
    noisy = kernels.flatten(1).any(1).view(problem.clean.shape[:2]).any(1)
    if not bool(noisy.all()):
        raise SegadvError(
            "texture quantum: the image has no noise that could be imitated; choose another texture"
        )
    return partial(grainy, kernels=kernels, strengths=strengths)


def measured(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Return kernel (odd, odd) and strength (slices, rows, columns) of one channel's noise.

    Both are 0 if it has none.

    Args:
        pictures: the channel (slices, rows, columns), in double precision.
    """
    least = NOTHING * float(pictures.abs().amax())
    flat = extent(pictures) <= least
    pictures = pictures - pictures.mean()
    rest = pictures - blurred(pictures.unsqueeze(0), ACROSS, COARSE, "replicate")[0]
    rest = torch.where(rest.abs() > least, rest, 0.0)
    # Beyond the border there is nothing, so near it the blur's rest is not that of noise alone.
    margin = ACROSS // 2 if min(pictures.shape[-2:]) >= SMALL + ACROSS else 0
    rows, columns = (slice(margin, length - margin) for length in pictures.shape[-2:])
    kernel = kernel_of(pictures[:, rows, columns], rest[:, rows, columns])
    local = strength(rest[:, rows, columns])
    local = F.pad(local.unsqueeze(1), (margin,) * 4, mode="replicate").squeeze(1)
    local = torch.where(flat, 0.0, local)
    ranked = local.flatten().sort().values
    top = ranked[int(TOP * (len(ranked) - 1))].clamp_min(1e-30)
    return kernel, (local / top).clamp_max(1.0)


def extent(pictures: Tensor) -> Tensor:
    """Return by how much pictures (slices, *picture) differ among a pixel and its neighbours."""
    padded = F.pad(pictures.unsqueeze(1), (1,) * 4, mode="replicate")
    low, high = (sign * F.max_pool2d(sign * padded, 3, 1) for sign in (-1, 1))
    return (high - low).squeeze(1)


def grainy(v: Tensor, kernels: Tensor, strengths: Tensor) -> Tensor:
    """Return s (k * v) for v (N, C, *S), with zeros beyond the border.

    By Fourier transforms: torch is slow with kernels of this size that differ by channel.

    Args:
        v: the variable.
        kernels: k (N C, rows, columns) of each channel, odd and symmetric.
        strengths: s (N C, slices, rows, columns).
    """
    picture, kernel = strengths.shape[-2:], kernels.shape[-2:]
    size = [a + b - 1 for a, b in zip(picture, kernel, strict=True)]
    response = torch.fft.rfft2(kernels, s=size).unsqueeze(1)
    whole = torch.fft.irfft2(torch.fft.rfft2(v.reshape(strengths.shape), s=size) * response, s=size)
    rows, columns = (slice(b // 2, b // 2 + a) for a, b in zip(picture, kernel, strict=True))
    noise: Tensor = whole[..., rows, columns] * strengths
    return noise.reshape(v.shape)


def kernel_of(pictures: Tensor, rest: Tensor) -> Tensor:
    """Return the kernel (odd, odd) of the noise of pictures (slices, rows, columns); 0: no noise.

    Args:
        pictures: the slices of one channel.
        rest: what a blur removes from them.
    """
    side = min(SIDE, *pictures.shape[-2:])
    blocks, noise = blocks_of(pictures, side), blocks_of(rest, side)
    power = noise.square().mean((1, 2))
    noisy = power > 0
    if not bool(noisy.any()):
        return impulse(torch.zeros_like(blocks[0]))
    coarse = (blocks - noise).flatten(1).var(1, correction=0)
    usual = LOW**2 * power[noisy].median()
    ratio = torch.where(noisy & (power >= usual), coarse / power, torch.inf)
    chosen = ratio.argsort()[: max(1, int(FLATTEST * int(ratio.isfinite().sum())))]
    return impulse(spectrum(blocks[chosen]))


def blocks_of(pictures: Tensor, side: int) -> Tensor:
    """Return the whole blocks (M, side, side) that pictures (slices, rows, columns) consist of."""
    return pictures.unfold(1, side, side).unfold(2, side, side).reshape(-1, side, side)


def spectrum(blocks: Tensor) -> Tensor:
    """Return the mean power spectrum (side, side) of blocks (M, side, side), each of variance 1.

    A plane is subtracted from each, and a Hann window avoids the jumps at its border.
    """
    side = blocks.shape[-1]
    line = torch.arange(side, dtype=blocks.dtype, device=blocks.device) - (side - 1) / 2
    flat = blocks - blocks.mean((1, 2), keepdim=True)
    for ramp in (line.view(1, side, 1), line.view(1, 1, side)):
        slope = (flat * ramp).sum((1, 2), keepdim=True) / ramp.expand_as(flat[:1]).square().sum()
        flat = flat - slope * ramp
    window = torch.hann_window(side, dtype=flat.dtype, device=flat.device)
    power = torch.fft.fft2(flat * window[:, None] * window).abs().square()
    power[:, 0, 0] = 0
    mean: Tensor = (power / power.sum((1, 2), keepdim=True).clamp_min(1e-30)).mean(0)
    return mean


def impulse(power: Tensor) -> Tensor:
    """Return the kernel (odd, odd) of sum |k| = 1 that gives white noise a power spectrum.

    It is 0 for a spectrum of 0.
    """
    side = len(power)
    reach = min(REACH, (side - 1) // 2)
    kernel: Tensor = torch.fft.fftshift(torch.fft.ifft2(power.sqrt()).real)
    middle = slice(side // 2 - reach, side // 2 + reach + 1)
    # Without the zeros at both ends of the window.
    taper = torch.hann_window(2 * reach + 3, periodic=False).to(power)[1:-1]
    kernel = kernel[middle, middle] * taper[:, None] * taper
    return kernel / kernel.abs().sum().clamp_min(1e-30)


def strength(rest: Tensor) -> Tensor:
    """Return the local strength of noise of what a blur removes (slices, *picture), in its units.

    It is the lower quartile of the sizes in a block, which no edge in it reaches, between blocks
    interpolated linearly.
    """
    rows, columns = rest.shape[-2:]
    side = min(SMALL, rows, columns)
    beyond = (0, -columns % side, 0, -rows % side)
    filled = F.pad(rest.abs().unsqueeze(1), beyond, mode="replicate")
    blocks = filled.unfold(2, side, side).unfold(3, side, side).flatten(4)
    levels = blocks.sort(-1).values[..., side * side // 4]
    shape = filled.shape[-2:]
    local = F.interpolate(levels, size=shape, mode="bilinear", align_corners=False)
    return local[:, 0, :rows, :columns]
