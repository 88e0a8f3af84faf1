"""Mean squared error, PSNR and SSIM of two arrays, bit for bit those of scikit-image.

Importing skimage.metrics would import scipy.stats, which takes longer than all measures of a film.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from ..data.scan import Array

# SSIM's published constants, and the pixels of its Gaussian kernel on each side of a pixel.
K1, K2, SIGMA, RADIUS = 0.01, 0.03, 1.5, 5


def mean_squared_error(a: Array, b: Array) -> float:
    """Return the mean squared error of two float arrays."""
    return float(np.mean((a - b) ** 2, dtype=np.float64))


def psnr(a: Array, b: Array, span: float) -> float:
    """Return the peak signal-to-noise ratio in dB of two float arrays that differ.

    `span` is the range of intensities.
    """
    return float(10 * np.log10(span**2 / mean_squared_error(a, b)))


def ssim(a: Array, b: Array, span: float) -> float:
    """Return the SSIM (Wang 2004) of two grey float32 images with more than RADIUS pixels a side.

    Its mean leaves out a border of RADIUS pixels, where the kernel reaches beyond the image.
    `span` is the range of intensities.
    """
    mean_a, mean_b = _blurred(a), _blurred(b)
    variance_a = _blurred(a * a) - mean_a * mean_a
    variance_b = _blurred(b * b) - mean_b * mean_b
    together = _blurred(a * b) - mean_a * mean_b
    c1, c2 = (K1 * span) ** 2, (K2 * span) ** 2
    above = (2 * mean_a * mean_b + c1) * (2 * together + c2)
    below = (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    inner = (slice(RADIUS, -RADIUS),) * a.ndim
    return float((above / below)[inner].mean(dtype=np.float64))


def _blurred(array: Array) -> Array:
    blurred: Array = gaussian_filter(array, SIGMA, mode="reflect", radius=RADIUS)
    return blurred
