"""Losses on logits: each returns one value per item; smaller means nearer to the goal."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.tensors import applied, per_item
from .problem import Problem, mean_of

Loss = Callable[["Outputs"], Tensor]


class _Margins(torch.autograd.Function):
    """max over c != t of z_c, minus z_t. Where classes tie for the maximum, each gets the gradient.

    A step of an attack should cost little compared to the network's passes. A maximum without its
    index is far cheaper than one with it, so the backward pass finds its place again. Meanwhile
    the label's logit is overwritten in place, which saves a copy of all logits.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> Tensor:
        index = labels.unsqueeze(1)
        own = logits.gather(1, index)
        # Restored bit for bit below, so the logits that autograd has saved don't change.
        aside = logits.data.scatter_(1, index, torch.full_like(own, -math.inf))
        highest = aside.amax(1, keepdim=True)
        aside.scatter_(1, index, own)
        ctx.save_for_backward(logits, highest, index)
        return (highest - own).squeeze(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        logits, highest, index = ctx.saved_tensors
        grad = grads[0].unsqueeze(1)
        # 1 at the maximum and 0 below it; the value at the label is overwritten.
        out = (logits - highest).sign_().add_(1).mul_(grad)
        return out.scatter_(1, index, -grad), None


@dataclass(frozen=True)
class Outputs:
    """The logits of one forward pass (N, K, *S), with the problem that they answer.

    Attributes:
        logits: of the images.
        problem: gives the labels, and which pixels count.
        share: share of the run that is over, from 0 to 1.
        others: logits (N, K, *S) of a second view of each image, if the attack makes one.
        of_copy: True if they are of a changed copy of the images, see `transfer.Copy`.
    """

    logits: Tensor
    problem: Problem
    share: float = 0.0
    others: Tensor | None = None
    of_copy: bool = False

    @cached_property
    def margins(self) -> Tensor:
        """(N, *S): logit of the strongest other class minus the label's; negative at the label."""
        return applied(_Margins, self.logits, self.problem.labels)

    @property
    def hits(self) -> Tensor:
        """(N, *S) bool: pixels at the target, or off the truth if untargeted."""
        if self.problem.decide is not None:
            at = self.problem.decide(self.logits.detach()) == self.problem.labels
            return at if self.problem.targeted else ~at
        margins = self.margins.detach()
        return margins < 0 if self.problem.targeted else margins > 0

    def mean(self, pixels: Tensor) -> Tensor:
        """Return the mean (N,) over the care pixels of a value (N, *S)."""
        return (pixels * self.problem.weights).flatten(1).sum(1)

    def shares(self) -> tuple[Tensor, Tensor]:
        """Return `moved` and `kept`, each (N,); 1 if there is nothing to move or to keep."""
        return self.problem.shares(self)


def signed(value: Tensor, outputs: Outputs) -> Tensor:
    """Return a distance to the labels, negated if the attack moves away from them."""
    return value if outputs.problem.targeted else -value


def margin(outputs: Outputs, kappa: float = 1.0) -> Tensor:
    """Return the mean of ReLU(max over c != t of z_c - z_t + kappa).

    This is eq. 6 of Carlini & Wagner 2017.
    """
    margins = outputs.margins if outputs.problem.targeted else -outputs.margins
    return outputs.mean(torch.relu(margins + kappa))


def balanced_margin(outputs: Outputs, kappa: float = 1.0) -> Tensor:
    """Return the mean of `margin` in which the pixels that have to change weigh more.

    Success counts a pixel that has to change as a share of those, and a lost one as a share of the
    structures, which are many more. Each pixel that has to change weighs sqrt(structures / moving),
    half way between counting pixels and counting shares, so that neither is reached long before
    the other.
    """
    problem = outputs.problem
    margins = outputs.margins if problem.targeted else -outputs.margins
    ratio = (problem.structures / problem.movers.clamp_min(1)).clamp_min(1).sqrt()
    weights = torch.where(problem.moving, per_item(ratio, margins), 1.0)
    return outputs.mean(torch.relu(margins + kappa) * weights)


def cross_entropy(outputs: Outputs) -> Tensor:
    """Return the mean cross-entropy to the labels."""
    pixels = F.cross_entropy(outputs.logits, outputs.problem.labels, reduction="none")
    return signed(outputs.mean(pixels), outputs)


def soft_iou(outputs: Outputs) -> Tensor:
    """Return 1 - mean soft IoU of the structures (Bortsova 2021), see `Problem.soft_maps`."""
    from monai.losses import DiceLoss  # late: importing MONAI takes seconds, and few runs need it

    problem = outputs.problem
    found, target, counted = problem.soft_maps(outputs.logits)
    if problem.care is not None:
        care = (problem.care > 0).unsqueeze(1)
        found, target = found * care, target * care
    values = DiceLoss(jaccard=True, reduction="none")(found, target)
    return signed(mean_of(values.flatten(1), counted), outputs)


def jensen_shannon(outputs: Outputs) -> Tensor:
    """Return the mean Jensen-Shannon divergence of softmax z to the one-hot labels, in nats.

    With a one-hot label, it depends only on the label's probability p:
    (log 2/(1+p) + p log 2p/(1+p) + (1-p) log 2) / 2.
    """
    log_p = outputs.logits.log_softmax(1).gather(1, outputs.problem.labels.unsqueeze(1)).squeeze(1)
    p = log_p.exp()
    log_half = torch.log1p(p) - math.log(2.0)
    pixels = 0.5 * (-log_half + p * (log_p - log_half) + (1 - p) * math.log(2.0))
    return signed(outputs.mean(pixels), outputs)


def cosine(outputs: Outputs) -> Tensor:
    """Return 1 - the mean cosine of the angle between logits and one-hot labels (Halmosi 2024).

    It depends on the direction of the logits alone, so a model that is very sure of itself does not
    flatten it. Logits mean the same if a number is added to all of them, so they are centred first.
    With two classes, centred logits have only two directions; there it is that of softmax z.
    """
    z = outputs.logits
    z = z.softmax(1) if z.shape[1] == 2 else z - z.mean(1, keepdim=True)
    own = z.gather(1, outputs.problem.labels.unsqueeze(1)).squeeze(1)
    length = torch.linalg.vector_norm(z, dim=1).clamp_min(1e-12)
    return signed(outputs.mean(1 - own / length), outputs)


def masked_cross_entropy(outputs: Outputs, weights: Tensor | None = None) -> Tensor:
    """Return the cross-entropy of the pixels that still miss the goal, as a mean over all pixels.

    This is the mask cross-entropy of Croce 2024 (SEA): untargeted, of the pixels still right.
    Targeted, it is that of the pixels not yet at the target.

    Args:
        outputs: of one pass.
        weights: (N, *S) of the pixels, which sum to 1 in each item; None: `Problem.weights`.
    """
    problem = outputs.problem
    pixels = F.cross_entropy(outputs.logits, problem.labels, reduction="none")
    pixels = pixels * (problem.weights if weights is None else weights)
    return signed(torch.where(outputs.hits, 0.0, pixels).flatten(1).sum(1), outputs)


def balanced_masked_cross_entropy(outputs: Outputs) -> Tensor:
    """Return `masked_cross_entropy` in which each class of the labels weighs the same.

    This is the balanced mask cross-entropy of Croce 2024 (SEA), whose weights are those of the
    training set's classes. Here they are those of the image: a model's file does not hold the
    others.
    """
    return masked_cross_entropy(outputs, outputs.problem.balanced)


LOSSES: dict[str, Loss] = {
    "margin": margin,
    "cross-entropy": cross_entropy,
    "soft-iou": soft_iou,
    "js": jensen_shannon,
    "cosine": cosine,
}
