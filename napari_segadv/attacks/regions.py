"""Regions that are named instead of painted: what the noise is limited to around the change."""

from collections.abc import Callable
from functools import partial
from typing import TypeGuard

import torch
from torch import Tensor

from ..common.tensors import per_item
from ..errors import SegadvError
from .problem import Problem

# Gradients whose signs are drawn this often: where all of them cancel, nothing depends on a pixel.
DRAWS = 3


def bounding_box(problem: Problem) -> Tensor:
    """The smallest box (N, 1, *S) around the pixels that have to change (Bortsova 2021, fig. 2)."""
    _check_dense(problem)
    moving = problem.moving
    box = torch.ones_like(moving)
    for axis in range(1, moving.ndim):
        rest = [a for a in range(1, moving.ndim) if a != axis]
        line = moving.amax(rest, keepdim=True).long() if rest else moving.long()
        # Inside the box something has been met from both ends.
        after = line.cumsum(axis) > 0
        before = line.flip(axis).cumsum(axis).flip(axis) > 0
        box &= after & before
    return box.unsqueeze(1)


def receptive_field(problem: Problem, share: float = 1.0, seed: int = 0) -> Tensor:
    """The pixels (N, 1, *S) that the logits of the pixels that have to change depend on.

    Measured: where the gradient of those logits, summed with random signs, is not 0 at the clean
    image in any of three draws.

    Args:
        problem: whose victim and pixels are meant.
        share: below 1, the fewest pixels that hold this share of the gradient's square instead:
            far away a deep network's dependence is there but hardly felt.
        seed: of the signs.
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
            "region bounding-box: the victim's answer has no pixels; use receptive-field"
        )


REGIONS: dict[str, Callable[[Problem], Tensor]] = {
    "bounding-box": bounding_box,
    "receptive-field": receptive_field,
}


def is_named(region: object) -> TypeGuard[str]:
    """Whether a region is given by its name."""
    return isinstance(region, str) and region.partition(":")[0] in REGIONS


def named_region(text: str, problem: Problem) -> Tensor:
    """The region of a name, `receptive-field:SHARE` for the pixels that are felt most.

    Raises:
        SegadvError: where there is no such region, or nothing has to change.
    """
    name, _, share = text.partition(":")
    if name not in REGIONS or (share and name != "receptive-field"):
        known = ", ".join(REGIONS)
        raise SegadvError(f"region {text}: unknown; paint one, or use one of {known}")
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
