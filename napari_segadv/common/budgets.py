"""Default budgets, as shares of the intensity window that a victim sees."""

from math import sqrt

# The standard epsilon of Bortsova 2021: 0.04 on a scale from -1 to 1.
LINF_SHARE = 0.02
RMS_SHARE = 0.005


def default_budget(norm: str, window: float, pixels: int) -> float:
    """Return the default epsilon in the image's units.

    Args:
        norm: "linf" or "l2".
        window: width of the victim's intensity window, in the image's units.
        pixels: number of intensities in the image.
    """
    return LINF_SHARE * window if norm == "linf" else RMS_SHARE * window * sqrt(pixels)


def share_of_window(norm: str, epsilon: float, window: float, pixels: int) -> float:
    """Return a budget in percent of the window; an L2 budget counts as its root mean square."""
    return 100 * (epsilon if norm == "linf" else epsilon / sqrt(pixels)) / window
