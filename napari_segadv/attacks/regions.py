"""Named regions for the noise: the box around the change, and what the change depends on."""

from collections.abc import Callable
from functools import partial
from typing import TypeGuard

import torch
from torch import Tensor

from ..common.tensors import per_item
from ..errors import SegadvError
from .problem import Problem

# Number of sums with random signs; a pixel whose gradient is 0 in all of them has no influence.
DRAWS = 3
# The name of the region that is measured by a gradient.
RECEPTIVE_FIELD = "receptive-field"


def bounding_box(problem: Problem) -> Tensor:
    """Return the smallest box (N, 1, *S) around the change (Bortsova 2021, fig. 2)."""
    _check_dense(problem)
    moving = problem.moving
    box = torch.ones_like(moving)
    for axis in range(1, moving.ndim):
        rest = [a for a in range(1, moving.ndim) if a != axis]
        line = moving.amax(rest, keepdim=True).long() if rest else moving.long()
        # Inside the box, a pixel of the change has been passed from both ends.
        after = line.cumsum(axis) > 0
        before = line.flip(axis).cumsum(axis).flip(axis) > 0
        box &= after & before
    return box.unsqueeze(1)


def receptive_field(problem: Problem, share: float = 1.0, seed: int = 0) -> Tensor:
    """Return the pixels (N, 1, *S) that influence the logits of the pixels that have to change.

    The field is measured at the clean image: it holds the pixels at which the gradient of those
    logits, summed with random signs, is not 0 in at least one of three draws.

    Args:
        problem: gives the victim and the pixels that have to change.
        share: if below 1, only the fewest pixels that hold this share of the squared gradient:
            distant pixels influence a deep network, but hardly.
        seed: seed of the signs.
    """
    generator = torch.Generator().manual_seed(seed)
    felt = torch.zeros_like(problem.clean)
    for _ in range(DRAWS):
        leaf = problem.clean.clone().requires_grad_()
        logits = problem.model(leaf)
        signs = torch.randint(0, 2, logits.shape, generator=generator).to(logits) * 2 - 1
        (gradient,) = torch.autograd.grad(logits, leaf, signs * problem.moving.unsqueeze(1))
        felt += gradient.abs()
    field = felt.amax(1, keepdim=True)
    if share >= 1:
        return field > 0
    # In units of the peak: squares of small gradients underflow.
    peak = field.flatten(1).amax(1).clamp_min(1e-38)
    mass, order = (field / per_item(peak, field)).flatten(1).square().sort(descending=True)
    before = mass.cumsum(1) - mass
    chosen = (before < share * mass.sum(1, keepdim=True)) & (mass > 0)
    return torch.zeros_like(chosen).scatter_(1, order, chosen).view_as(field)


def _check_dense(problem: Problem) -> None:
    if problem.moving.shape[1:] != problem.clean.shape[2:]:
        raise SegadvError(
            "region bounding-box: the model does not predict pixels; use receptive-field"
        )


REGIONS: dict[str, Callable[[Problem], Tensor]] = {
    "bounding-box": bounding_box,
    RECEPTIVE_FIELD: receptive_field,
}


def is_named(region: object) -> TypeGuard[str]:
    """Return whether a region is given by its name."""
    return isinstance(region, str) and region.partition(":")[0] in REGIONS


def named_region(text: str, problem: Problem) -> Tensor:
    """Return the region of a name; `receptive-field:SHARE` keeps the most influential pixels.

    Raises:
        SegadvError: if there is no such region, or nothing has to change.
    """
    name, _, share = text.partition(":")
    if name not in REGIONS or (share and name != RECEPTIVE_FIELD):
        known = ", ".join(REGIONS)
        raise SegadvError(f"region {text}: unknown; paint one or use one of {known}")
    measure = partial(receptive_field, share=_share(text, share)) if share else REGIONS[name]
    region = measure(problem)
    if not bool(region.flatten(1).any(1).all()):
        raise SegadvError(f"region {text}: is empty, since no pixel has to change")
    return region


def _share(text: str, share: str) -> float:
    try:
        value = float(share)
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        raise SegadvError(f"region {text}: the share must be a number above 0, up to 1")
    return value
