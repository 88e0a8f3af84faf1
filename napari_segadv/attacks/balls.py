"""The sets a perturbation must stay in, and the direction of steepest descent in each."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..common.tensors import per_item
from .problem import Problem


def l2_norm(values: Tensor) -> Tensor:
    """Return the L2 norm (N,) of each item (N, ...)."""
    length: Tensor = torch.linalg.vector_norm(values.flatten(1), dim=1)
    return length


def steepest_l2(gradient: Tensor) -> Tensor:
    """Divide each gradient (N, ...) by its L2 norm; a gradient of 0 stays 0."""
    # Divides by its largest entry first: squares of small float32 gradients underflow.
    peak = gradient.abs().flatten(1).amax(1)
    gradient = gradient / per_item(peak.clamp_min(1e-38), gradient)
    return gradient / per_item(l2_norm(gradient).clamp_min(1e-30), gradient)


@dataclass(frozen=True)
class Ball:
    """Perturbations d (N, C, *S) of one norm and radius, within bounds and region.

    Attributes:
        problem: gives the bounds on intensities and the region.
        norm: "linf" or "l2" (over all pixels and channels of an item).
        radius: (N,), in the image's units.
    """

    problem: Problem
    norm: str
    radius: Tensor

    @cached_property
    def limits(self) -> tuple[Tensor, Tensor]:
        """Lowest and highest perturbation of each pixel, by bounds, region and, for Linf, radius.

        A clean pixel that already lies outside the bounds may stay there.
        """
        problem = self.problem
        low = (problem.low - problem.clean).clamp_max_(0)
        high = (problem.high - problem.clean).clamp_min_(0)
        if problem.region is not None:
            low, high = low * problem.region, high * problem.region
        if self.norm == "linf":
            radius = per_item(self.radius, low)
            low, high = torch.maximum(low, -radius), torch.minimum(high, radius)
        return low, high

    def project(self, d: Tensor) -> Tensor:
        """Project onto the set; for L2 onto the ball, then the limits, which only shorten it."""
        if self.norm == "l2":
            d = self.restrict(d)
            length = per_item(l2_norm(d), d)
            d = d * (per_item(self.radius, d) / length.clamp_min(1e-30)).clamp_max(1.0)
        return torch.clamp(d, *self.limits)

    def restrict(self, gradient: Tensor) -> Tensor:
        """Set a gradient to 0 outside the region; call it before the gradient is normalised."""
        region = self.problem.region
        return gradient if region is None else gradient * region

    def steepest(self, gradient: Tensor) -> Tensor:
        """Return the unit step (in the ball's norm) along a gradient; 0 where the gradient is 0."""
        return gradient.sign() if self.norm == "linf" else steepest_l2(gradient)

    def random(self, generator: torch.Generator) -> Tensor:
        """Draw a perturbation uniformly (Linf) or with uniform direction and length (L2)."""
        clean = self.problem.clean
        if self.norm == "linf":
            noise = (torch.rand(clean.shape, generator=generator) * 2 - 1).to(clean.device)
        else:
            noise = torch.randn(clean.shape, generator=generator).to(clean.device)
            reach = torch.rand(len(clean), generator=generator).to(clean.device)
            noise = self.steepest(noise) * per_item(reach, noise)
        return self.project(noise * per_item(self.radius, noise))
