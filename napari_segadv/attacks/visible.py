"""How much a change shows: the weights of the norm "visible", and SSIM with a gradient."""

from torch import Tensor

from .gaussian import blurred

# SSIM's local window (Wang 2004): a Gaussian of sigma 1.5, eleven pixels across.
SIGMA, ACROSS = 1.5, 11
# SSIM's constants for brightness and contrast, K1 and K2: as shares of the window's width.
BRIGHTNESS, CONTRAST = 0.01, 0.03
# How fast the weight of a square falls with the variance of what it lies on.
MASKING = 0.35
# No pixel counts less than this, however strong its texture.
LEAST = 1e-3


def visible_weights(clean: Tensor, window: float | Tensor) -> Tensor:
    """Return what the square of a change of each pixel counts: 1 on flat ground, less on texture.

    w = G * (1 + s^2 / s_0^2)^-0.35, with s the standard deviation of the clean image around a pixel
    (under a Gaussian G of sigma 1.5 pixels), s_0 = 0.03 / sqrt 2 of the window's width, and * the
    convolution. The size of a change d in the norm "visible" is sqrt(sum w d^2): L2 on flat ground.

    A background masks what lies on it: the contrast at which a pattern is seen rises as that of its
    background to a power of 0.6 to 0.7 (contrast masking, Legge & Foley 1980; just-noticeable
    differences in images, Chou & Li 1995), so a square counts (s^2)^-0.6 to -0.7. With -1, w is the
    noise visibility function of Voloshynovskiy 1999, and what SSIM charges for noise: 1 - SSIM is
    nearly the mean of s_d^2 / (2 s^2 + C_2), with C_2 = (0.03 L)^2 (Wang 2004). The power here is
    about half of that of masking. The noise then stays nearer to L2's, which a run of 60 passes
    makes smaller: on a chest film, both SSIM and PSNR came out higher than with 0.65.

    The convolution protects edges: flat ground beside one, such as air beside a collimator, masks
    nothing and keeps its weight. There is no term for brightness, since a display calibrated for
    medical images (DICOM PS3.14) makes equal steps of grey equally visible.

    Args:
        clean: images (N, C, *S). Of a volume, each slice along the first axis is a picture of its
            own, since readers see slices; of several channels, each is one.
        window: width of the intensity window in which they are read, in their units, or a tensor
            (1, C, ...) of that of each channel.

    Returns:
        Weights (N, C, *S), from LEAST to 1.
    """
    if isinstance(window, Tensor):
        clean, window = clean / window, 1.0
    slices = clean.reshape(-1, 1, *clean.shape[-2:])
    # Squares of intensities far from 0 would lose the digits of a small variance.
    slices = slices - slices.mean((2, 3), keepdim=True)
    variance = (local(slices.square()) - local(slices).square()).clamp_min(0)
    masked = (1 + variance * (2 / (CONTRAST * window) ** 2)).pow(-MASKING)
    return local(masked).clamp(LEAST, 1).reshape(clean.shape)


def local(slices: Tensor) -> Tensor:
    """Return the mean (N, 1, H, W) of slices under SSIM's Gaussian, which looks past no border."""
    return blurred(slices, ACROSS, SIGMA, "replicate")


def ssim(a: Tensor, b: Tensor, window: float | Tensor) -> Tensor:
    """Return the SSIM (N,) of images (N, C, *S) (Wang 2004), a mean over channels and slices.

    That of the measures, `measures.similarity`, has no gradient and leaves out the border.

    Args:
        a, b: the images, above what is black.
        window: width of the intensity window in which they are read, in their units, or a tensor
            (1, C, ...) of that of each channel.
    """
    x, y = ((images / window).reshape(-1, 1, *images.shape[-2:]) for images in (a, b))
    mean_x, mean_y = local(x), local(y)
    variance_x = local(x * x) - mean_x * mean_x
    variance_y = local(y * y) - mean_y * mean_y
    together = local(x * y) - mean_x * mean_y
    above = (2 * mean_x * mean_y + BRIGHTNESS**2) * (2 * together + CONTRAST**2)
    below = (mean_x**2 + mean_y**2 + BRIGHTNESS**2) * (variance_x + variance_y + CONTRAST**2)
    return (above / below).reshape(len(a), -1).mean(1)
