"""Budgets that are taken where none is given, as shares of the window that a victim sees."""

from math import sqrt

# [B]'s standard epsilon, 0.04 on a scale from -1 to 1.
LINF_SHARE = 0.02
RMS_SHARE = 0.005


def default_budget(norm: str, window: float, pixels: int) -> float:
    """Epsilon in the image's units.

    Args:
        norm: "linf" or "l2".
        window: width of the victim's intensity window, in the image's units.
        pixels: number of intensities in the image.
    """
    return LINF_SHARE * window if norm == "linf" else RMS_SHARE * window * sqrt(pixels)


def share_of_window(norm: str, epsilon: float, window: float, pixels: int) -> float:
    """A budget as a percentage of the window; an L2 one as its root mean square."""
    return 100 * (epsilon if norm == "linf" else epsilon / sqrt(pixels)) / window
