"""The colours of classes, the same in the viewer's layers and in figures."""

import colorsys

import numpy as np
import numpy.typing as npt

# Distinct on grey in a dark room, and for the common forms of colour blindness.
FIRST = (
    (0.90, 0.25, 0.25),
    (0.25, 0.62, 0.95),
    (0.20, 0.75, 0.55),
    (0.98, 0.75, 0.20),
    (0.72, 0.45, 0.90),
    (0.98, 0.55, 0.35),
    (0.55, 0.85, 0.95),
    (0.80, 0.80, 0.30),
)


def colour(label: int) -> tuple[float, float, float]:
    """Return red, green and blue, from 0 to 1, of a class number above 0."""
    if label <= len(FIRST):
        return FIRST[label - 1]
    # The golden ratio spreads any number of further hues.
    return colorsys.hsv_to_rgb((label * 0.618034) % 1.0, 0.65, 0.95)


def overlay(labels: npt.NDArray[np.integer], opacity: float = 0.5) -> npt.NDArray[np.float64]:
    """Return a label map as RGBA (..., 4) with a transparent background."""
    rgba = np.zeros((*labels.shape, 4))
    for label in np.unique(labels).tolist():
        if label:
            rgba[labels == label] = (*colour(label), opacity)
    return rgba
