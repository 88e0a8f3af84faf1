"""The sets a perturbation must stay in, and the direction of steepest descent in each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
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

    With a texture T, d is the variable that an attack moves, and `noise` makes the perturbation.
    In a round ball the size is that of T(d); in Linf it is that of d, which T(d) never exceeds.

    Attributes:
        problem: gives the bounds on intensities and the region.
        norm: "linf", or over all pixels and channels of an item "l2" or "visible", which is L2 of
            the perturbation times `scale`.
        radius: (N,), in the image's units.
        texture: T, linear; None: d is the perturbation itself, see `attacks.texture`.
    """

    problem: Problem
    norm: str
    radius: Tensor
    texture: Callable[[Tensor], Tensor] | None = None

    @property
    def round(self) -> bool:
        """True if the ball is one of a sum of squares, False if it is a box."""
        return self.norm != "linf"

    @property
    def scale(self) -> Tensor | None:
        """What each pixel is multiplied with before its square is taken; None: 1."""
        return self.problem.visible if self.norm == "visible" else None

    def noise(self, d: Tensor) -> Tensor:
        """Return the perturbation (N, C, *S) that a point of the ball stands for."""
        if self.texture is None:
            return d
        # Restricted first: at 0, clamping would pass on the gradient of what may not change.
        return torch.clamp(self.restrict(self.texture(d)), *self.limits)

    def size(self, d: Tensor) -> Tensor:
        """Return the size (N,) of points in the ball's norm."""
        if not self.round:
            return d.abs().flatten(1).amax(1)
        noise = d if self.texture is None else self.texture(d)
        return l2_norm(noise if self.scale is None else noise * self.scale)

    def noise_size(self, d: Tensor) -> Tensor:
        """Return the size (N,) of the perturbations that points of the ball stand for."""
        return replace(self, texture=None).size(self.noise(d))

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
        """Project onto the set; round ones: onto the ball, then the limits, which only shorten."""
        if self.texture is None:
            return torch.clamp(self._shortened(d), *self.limits)
        # Limits could lengthen T(d), so they come first: shortening keeps to them.
        return self._shortened(torch.clamp(d, *self.limits))

    def _shortened(self, d: Tensor) -> Tensor:
        """Scale points outside a round ball onto it; points of a box stay as they are."""
        if not self.round:
            return d
        d = self.restrict(d)
        length = per_item(self.size(d), d)
        return d * (per_item(self.radius, d) / length.clamp_min(1e-30)).clamp_max(1.0)

    def restrict(self, gradient: Tensor) -> Tensor:
        """Set a gradient to 0 outside the region; call it before the gradient is normalised."""
        region = self.problem.region
        return gradient if region is None else gradient * region

    def steepest(self, gradient: Tensor) -> Tensor:
        """Return the unit step (in the ball's norm) along a gradient; 0 where the gradient is 0."""
        if not self.round:
            return gradient.sign()
        if self.scale is None:
            step = steepest_l2(gradient)
        else:
            # In the variable scale * d, the ball is one of L2.
            step = steepest_l2(gradient / self.scale) / self.scale
        if self.texture is None:
            return step
        return step / per_item(self.size(step).clamp_min(1e-30), step)

    def random(self, generator: torch.Generator) -> Tensor:
        """Draw a perturbation uniformly (Linf) or with uniform direction and length."""
        clean = self.problem.clean
        if not self.round:
            noise = (torch.rand(clean.shape, generator=generator) * 2 - 1).to(clean.device)
        else:
            noise = torch.randn(clean.shape, generator=generator).to(clean.device)
            reach = torch.rand(len(clean), generator=generator).to(clean.device)
            noise = steepest_l2(noise) * per_item(reach, noise)
            noise = noise if self.scale is None else noise / self.scale
        return self.project(noise * per_item(self.radius, noise))
