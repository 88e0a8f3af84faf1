"""Smooth fields from few numbers, and images made with displacement and intensity fields."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor

from ...common.parameters import IMAGE_UNITS, Param
from ..balls import Ball
from ..base import LARGEST

DISPLACEMENT, INTENSITY = "displacement", "intensity"
# The fields that an image is made with.
Parts = Literal["both", "displacement", "intensity"]
# The budget of an attack whose paper has none.
FieldBudget = Annotated[
    float | None,
    Param(
        "Largest change of a pixel (Linf) or length of the whole change (L2), by both fields "
        "together; none: no limit, as in the paper",
        low=0.0,
        high=LARGEST,
        unit=IMAGE_UNITS,
    ),
]
DEGREE = 3


def basis(pixels: int, controls: int, spacing: float) -> Tensor:
    """Return cubic B-splines at pixel centres (pixels, controls): rows sum to 1, none below 0.

    The controls lie `spacing` pixels apart and reach one beyond the first and the last pixel, as
    in free-form deformation (Rueckert 1999, eq. 3).
    """
    from scipy.interpolate import BSpline  # late: it imports all of scipy.optimize

    places = np.minimum(np.arange(pixels) / spacing, controls - DEGREE)
    knots = np.arange(-DEGREE, controls + 1.0)
    matrix = BSpline.design_matrix(places, knots, DEGREE).toarray()
    return torch.from_numpy(matrix.astype(np.float32))


@dataclass(frozen=True)
class Lattice:
    """Control values on a coarse grid, and the smooth fields between them.

    At each pixel, a field is a weighted mean of its control values, so it never leaves their
    range: a limit on the controls is a limit on the field.

    Attributes:
        axes: for each axis of the image, the matrix that `basis` returns.
    """

    axes: tuple[Tensor, ...]

    @classmethod
    def over(cls, like: Tensor, spacing: float) -> "Lattice":
        """Place controls `spacing` pixels apart along each axis of images (N, C, *S)."""
        size = [max(math.ceil((n - 1) / spacing), 1) + DEGREE for n in like.shape[2:]]
        return cls(
            tuple(basis(n, g, spacing).to(like) for n, g in zip(like.shape[2:], size, strict=True))
        )

    @classmethod
    def of_size(cls, like: Tensor, size: Sequence[int]) -> "Lattice":
        """Place `size` controls, at least 4, along each axis of images (N, C, *S)."""
        return cls(
            tuple(
                basis(n, g, max(n - 1, 1) / (g - DEGREE)).to(like)
                for n, g in zip(like.shape[2:], size, strict=True)
            )
        )

    @property
    def size(self) -> tuple[int, ...]:
        """Number of controls along each axis."""
        return tuple(axis.shape[1] for axis in self.axes)

    def expand(self, controls: Tensor) -> Tensor:
        """Turn control values (N, K, *size) into fields (N, K, *S)."""
        for axis in self.axes:
            # Removes the first axis of the grid and appends that of the image.
            controls = torch.tensordot(controls, axis, dims=([2], [1]))
        return controls


@dataclass(frozen=True, eq=False)
class Synthesis:
    """The images I_DV = warp(I, D) + V (Chen 2019, eq. 1) of a ball's problem.

    The image at p takes the clean one's intensity at p + D(p), linearly interpolated and repeated
    beyond the border, and adds V(p). The whole change is then projected into the ball.

    Attributes:
        ball: the problem, and the budget for the change as a whole.
    """

    ball: Ball

    @cached_property
    def _warp(self) -> torch.nn.Module:
        from monai.networks.blocks import Warp  # late: importing MONAI takes seconds

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says each time that it uses torch
            warp: torch.nn.Module = Warp("bilinear", "border")
        return warp

    @cached_property
    def _still(self) -> Tensor:
        """The images warped by a field of 0, which differ from the images by rounding."""
        clean = self.ball.problem.clean
        still: Tensor = self._warp(
            clean, clean.new_zeros(len(clean), clean.ndim - 2, *clean.shape[2:])
        )
        return still

    def __call__(self, displacement: Tensor | None, intensity: Tensor | None) -> Tensor:
        """Make images (N, C, *S) from D (N, dims, *S), in pixels per axis, and V (N, C, *S)."""
        ball, clean = self.ball, self.ball.problem.clean
        change = torch.zeros_like(clean) if intensity is None else intensity
        if displacement is not None:
            change = change + (self._warp(clean, displacement) - self._still)
        # The region comes first: pixels that must not change must not pull at the fields either.
        return clean + ball.project(ball.restrict(change))


def named(displacement: Tensor | None, intensity: Tensor | None) -> dict[str, Tensor]:
    """Return the fields that are not None, by name, for an Outcome."""
    both = {DISPLACEMENT: displacement, INTENSITY: intensity}
    return {name: field.detach() for name, field in both.items() if field is not None}
