"""How far apart two images of several channels are: together, and each channel alone."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data.channels import Channel, in_percent
from ..data.scan import SHARES, Scan
from .images import distances


def channel_distances(
    clean: Scan, adversarial: Scan, channels: Sequence[Channel]
) -> dict[str, Any]:
    """Measure how far apart two images of several channels are.

    Args:
        clean, adversarial: on one grid.
        channels: with their windows, in the order of the scans' parts.

    Returns:
        The figures of `distances`, over all values of all channels. A difference counts in percent
        of its channel's window: `l2`, `linf` and `mean_abs`, in the units SHARES. `ssim` is the
        mean over the channels, None if one is too small for it. `psnr` is relative to the windows'
        width. `channels` lists the same figures of each channel, in its own units, with its name.
    """
    noise = in_percent(adversarial.array.astype(np.float64) - clean.array, channels)
    linf = float(np.abs(noise).max())
    each: list[dict[str, Any]] = []
    error = 0.0
    for channel, before, after in zip(channels, clean.parts, adversarial.parts, strict=True):
        found = distances(before, after, channel.window)
        each.append({"name": channel.name, **found})
        if found["psnr"] is not None:
            # The mean squared error, as a share of the squared width.
            error += 10 ** (-found["psnr"] / 10) / len(channels)
    similar = [one["ssim"] for one in each]
    return {
        "l2": float(np.linalg.norm(noise)),
        "linf": linf,
        "linf_percent_of_window": linf,
        "mean_abs": float(np.abs(noise).mean()),
        "ssim": None if None in similar else float(np.mean(similar)),
        "psnr": -10 * math.log10(error) if error > 0 else None,
        "units": SHARES,
        "channels": each,
    }
