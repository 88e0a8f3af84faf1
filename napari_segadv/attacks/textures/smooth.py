"""Smooth noise: without fine detail, so that it looks like shading, not like grain."""

from functools import partial

from ..gaussian import smoothed
from ..problem import Problem
from ..texture import Texture

# Standard deviation of the Gaussian in pixels, unless given.
SIGMA = 4.0


def smooth(problem: Problem, grain: float | None) -> Texture:
    """Return the map from v to a blurred v: G * v, with a Gaussian G.

    The noise then has hardly any power at periods below 3 sigma: at 2 pi sigma it has e^-1 of that
    of v, at half of that e^-4. Noise of low frequencies also needs no fine detail of a network,
    and survives what removes detail (Guo 2019, arXiv 1809.08758; Sharma 2019, arXiv 1903.00073).

    Args:
        problem: gives the distances of the pixels: in a volume the noise is as smooth in mm along
            every axis, so slices far apart are smoothed less.
        grain: sigma, in pixels of the axis on which they are closest; None: 4.
    """
    sigma = SIGMA if grain is None else grain
    axes = problem.clean.ndim - 2
    spacing = problem.spacing or (1.0,) * axes
    return partial(smoothed, sigmas=[sigma * min(spacing) / one for one in spacing])
