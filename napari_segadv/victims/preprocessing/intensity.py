"""Intensity steps of a preprocessing chain, differentiable, with MONAI's names and arguments.

Each works on a batch (N, C, *S) and treats every item as MONAI treats one image.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...common.tensors import per_item

Function = Callable[..., Tensor]


def scale_range(
    x: Tensor,
    a_min: float,
    a_max: float,
    b_min: float | None = None,
    b_max: float | None = None,
    clip: bool = False,
    **_: Any,
) -> Tensor:
    """ScaleIntensityRange: [a_min, a_max] to [b_min, b_max]. Clipping zeroes the gradient."""
    x = x - a_min
    if a_max != a_min:
        x = x / (a_max - a_min)
    if b_min is not None and b_max is not None:
        x = x * (b_max - b_min) + b_min
    return x.clamp(b_min, b_max) if clip else x


def scale(
    x: Tensor,
    minv: float | None = 0.0,
    maxv: float | None = 1.0,
    factor: float | None = None,
    channel_wise: bool = False,
    **_: Any,
) -> Tensor:
    """ScaleIntensity: the image's range to [minv, maxv], or the image times 1 + factor."""
    if minv is None or maxv is None:
        return x * (1 + factor) if factor is not None else x
    dims = 2 if channel_wise else 1
    low, high = (_broadcast(f(x.flatten(dims), -1), x) for f in (torch.amin, torch.amax))
    span = torch.where(high > low, high - low, 1.0)
    return (x - low) / span * (maxv - minv) + minv


def scale_percentiles(
    x: Tensor,
    lower: float,
    upper: float,
    b_min: float | None,
    b_max: float | None,
    clip: bool = False,
    relative: bool = False,
    channel_wise: bool = False,
    **_: Any,
) -> Tensor:
    """ScaleIntensityRangePercentiles: two percentiles to b_min and b_max."""
    dims = 2 if channel_wise else 1
    a_min, a_max = (_broadcast(_quantile(x.flatten(dims), q), x) for q in (lower, upper))
    span = torch.where(a_max > a_min, a_max - a_min, 1.0)
    low, high = b_min, b_max
    if relative and b_min is not None and b_max is not None:
        low = (b_max - b_min) * (lower / 100.0) + b_min
        high = (b_max - b_min) * (upper / 100.0) + b_min
    x = (x - a_min) / span
    if low is not None and high is not None:
        x = x * (high - low) + low
    return x.clamp(low, high) if clip else x


def normalise(
    x: Tensor,
    subtrahend: float | Sequence[float] | None = None,
    divisor: float | Sequence[float] | None = None,
    nonzero: bool = False,
    channel_wise: bool = False,
    **_: Any,
) -> Tensor:
    """NormalizeIntensity: (x - subtrahend) / divisor, by default the image's mean and deviation."""
    used = (x != 0).to(x) if nonzero else torch.ones_like(x)
    dims = 2 if channel_wise else 1
    total = used.flatten(dims).sum(-1).clamp_min(1)
    mean = _broadcast((x * used).flatten(dims).sum(-1) / total, x)
    centre = mean if subtrahend is None else _given(subtrahend, x)
    if divisor is None:
        variance = (((x - mean) ** 2) * used).flatten(dims).sum(-1) / total
        # sqrt has no gradient at 0, and MONAI divides a constant image by 1.
        safe = torch.where(variance > 0, variance, 1.0)
        spread = _broadcast(torch.where(variance > 0, safe.sqrt(), 1.0), x)
    else:
        spread = _given(divisor, x)
    return torch.where(used > 0, (x - centre) / spread, x)


def threshold(
    x: Tensor, threshold: float, above: bool = True, cval: float = 0.0, **_: Any
) -> Tensor:
    """ThresholdIntensity: values not above (or below) the threshold become cval."""
    return torch.where(x > threshold if above else x < threshold, x, cval)


def repeat_channel(x: Tensor, repeats: int, **_: Any) -> Tensor:
    """RepeatChannel: the channel of a grey image, repeated for a network that needs three."""
    return x.repeat_interleave(repeats, dim=1)


def _quantile(values: Tensor, percent: float) -> Tensor:
    """Percentile of the last axis, linearly interpolated; torch.quantile refuses large inputs."""
    ordered = values.sort(dim=-1).values
    place = percent / 100.0 * (ordered.shape[-1] - 1)
    below = int(place)
    above = min(below + 1, ordered.shape[-1] - 1)
    return ordered[..., below].lerp(ordered[..., above], place - below)


def _broadcast(values: Tensor, x: Tensor) -> Tensor:
    """(N,) or (N, C) values shaped to broadcast over (N, C, *S)."""
    if values.ndim == 1:
        return per_item(values, x)
    return values.view(*values.shape, *(1,) * (x.ndim - 2))


def _given(value: float | Sequence[float], x: Tensor) -> Tensor:
    """A number, or one for each channel, as a tensor that broadcasts over (N, C, *S)."""
    values = torch.as_tensor(value, dtype=x.dtype, device=x.device)
    if values.ndim == 0:
        return values
    return values.view(1, -1, *(1,) * (x.ndim - 2))


INTENSITY: dict[str, Function] = {
    "ScaleIntensityRange": scale_range,
    "ScaleIntensity": scale,
    "ScaleIntensityRangePercentiles": scale_percentiles,
    "NormalizeIntensity": normalise,
    "ThresholdIntensity": threshold,
    "RepeatChannel": repeat_channel,
}
