"""Default budgets, as shares of the intensity window that a victim sees."""

from math import sqrt

# The standard epsilon of Bortsova 2021: 0.04 on a scale from -1 to 1.
LINF_SHARE = 0.02
RMS_SHARE = 0.005
# Of "visible", on flat ground: a ceiling for what is then made smaller.
VISIBLE_SHARE = 0.01


def norm_name(norm: str) -> str:
    """Return a norm's name in figures; that of a version to come stays as it is."""
    return {"linf": "Linf", "l2": "L2", "visible": "as seen"}.get(norm, norm)


def default_budget(norm: str, window: float, pixels: int) -> float:
    """Return the default epsilon in the image's units.

    Args:
        norm: "linf", "l2" or "visible".
        window: width of the victim's intensity window, in the image's units.
        pixels: number of intensities in the image.
    """
    if norm == "linf":
        return LINF_SHARE * window
    return (VISIBLE_SHARE if norm == "visible" else RMS_SHARE) * window * sqrt(pixels)


def share_of_window(norm: str, epsilon: float, window: float, pixels: int) -> float:
    """Return a budget in percent of the window; any other than Linf as its root mean square."""
    return 100 * (epsilon if norm == "linf" else epsilon / sqrt(pixels)) / window
