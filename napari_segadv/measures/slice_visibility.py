"""How visible a change is in each slice of a volume, as an intensity window shows it."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..data.scan import Scan
from .images import SSIM_WINDOW, displayed, slice_ssim


def visibility_by_slice(
    clean: Scan,
    adversarial: Scan,
    limits: tuple[float, float],
    poll: Callable[[], None] = lambda: None,
) -> npt.NDArray[np.float64]:
    """Return 1 - SSIM of each slice, (slices,): 0 if no change is seen, the larger, the more.

    Slices smaller than SSIM's kernel get their mean |change| as a share of the window.

    Args:
        clean, adversarial: volumes of one grid.
        limits: of the window; intensities are clipped to them first, as on a display.
        poll: called at each slice; it may raise to stop.
    """
    low, high = limits
    found = np.zeros(len(clean.array))
    for number, pair in enumerate(zip(clean.array, adversarial.array, strict=True)):
        poll()
        if np.array_equal(*pair):
            continue
        a, b = (displayed(array, limits, clean.negative) for array in pair)
        if np.array_equal(a, b):
            continue
        if min(a.shape[:2]) >= SSIM_WINDOW:
            found[number] = 1.0 - slice_ssim(a, b, high - low, clean.colour)
        else:
            found[number] = float(np.abs(a - b).mean(dtype=np.float64)) / (high - low)
    return found
