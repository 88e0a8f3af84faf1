"""Random fields and soft edges that the phantom generators share."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, shape: Sequence[int], sigma: float) -> Array:
    """Draw a Gaussian random field of mean 0 and standard deviation 1.

    Args:
        rng: source of randomness.
        shape: shape of the field.
        sigma: correlation length in pixels. Lengths above 4 are drawn on a coarser grid and
            interpolated, so a very smooth field costs little.
    """
    factor = max(1, int(sigma // 2))
    coarse = tuple(-(-n // factor) + 3 for n in shape)
    field = rng.standard_normal(coarse, dtype=np.float32)
    field = ndimage.gaussian_filter(field, sigma / factor, mode="wrap")
    if factor > 1:
        field = ndimage.zoom(field, factor, order=1)
    field = field[tuple(slice(0, n) for n in shape)]
    spread = float(field.std())
    unit: Array = ((field - field.mean()) / (spread if spread > 0 else 1.0)).astype(np.float32)
    return unit


def soft_edge(distance: Array, width: float) -> Array:
    """Turn a signed distance (negative inside) into a membership of 0 to 1 with a soft edge."""
    member: Array = (0.5 - 0.5 * np.tanh(distance / max(width, 1e-3))).astype(np.float32)
    return member
