"""How far apart two images are, and how visible the difference is."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.scan import Array, Scan
from . import similarity

# Pixels across SSIM's Gaussian kernel at its published sigma of 1.5.
SSIM_WINDOW = 2 * similarity.RADIUS + 1


def distances(clean: Scan, adversarial: Scan, window: tuple[float, float]) -> dict[str, Any]:
    """Measure how far apart two images are, and how much of the difference shows.

    Returns:
        `l2`, `linf` and `mean_abs` (Chen 2019's p) in the image's units, computed in float64;
        `linf_percent_of_window`; `ssim` and `psnr` as seen in the window (SSIM as the mean over
        slices; PSNR None if nothing differs).
    """
    noise = adversarial.array.astype(np.float64) - clean.array.astype(np.float64)
    linf = float(np.abs(noise).max())
    ssim, psnr = visibility(clean, adversarial, window)
    return {
        "l2": float(np.linalg.norm(noise)),
        "linf": linf,
        "linf_percent_of_window": 100 * linf / (window[1] - window[0]),
        "mean_abs": float(np.abs(noise).mean()),
        "ssim": ssim,
        "psnr": psnr,
        "units": clean.units,
    }


def visibility(
    clean: Scan, adversarial: Scan, window: tuple[float, float]
) -> tuple[float | None, float | None]:
    """Return SSIM and PSNR of two images as they look in an intensity window.

    SSIM (Wang 2004) is the mean over slices, None if they are smaller than its kernel of 11
    pixels; PSNR is None if nothing differs.
    """
    low, high = window
    a, b = (displayed(scan.array, window, clean.negative) for scan in (clean, adversarial))
    differs = bool((a != b).any())
    psnr = similarity.psnr(a, b, high - low) if differs else None
    if min(clean.grid.shape[-2:]) < SSIM_WINDOW:
        return None, psnr
    pairs = zip(a, b, strict=True) if clean.grid.ndim == 3 else [(a, b)]
    similar = [
        slice_ssim(x, y, high - low, clean.colour) if (x != y).any() else 1.0 for x, y in pairs
    ]
    return float(np.mean(similar)), psnr


def displayed(
    array: Array, window: tuple[float, float], negative: bool = False
) -> npt.NDArray[np.float32]:
    """Return intensities as a display shows them in a window (low, high): 0 is black.

    Of a film that is stored as a negative, black is the window's upper limit.

    SSIM compares means as shares of each other, so it asks how bright a pixel is: a change of 5 HU
    at 0 HU, which is grey in most windows, is no change from nothing.
    """
    low, high = window
    clipped = np.clip(array.astype(np.float32), low, high)
    return np.float32(high) - clipped if negative else clipped - np.float32(low)


def slice_ssim(a: Array, b: Array, span: float, colour: bool) -> float:
    """Return the SSIM (Wang 2004) of two slices of at least SSIM_WINDOW pixels on each side.

    Args:
        a, b: as `displayed` in a window.
        span: the window's width.
        colour: whether the last axis holds colours.
    """
    if not colour:
        return similarity.ssim(a, b, span)
    each = [similarity.ssim(a[..., n], b[..., n], span) for n in range(a.shape[-1])]
    return float(np.array(each, a.dtype).mean())
