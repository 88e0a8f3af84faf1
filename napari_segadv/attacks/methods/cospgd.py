"""CosPGD: cross-entropy weighted by how well a pixel's prediction agrees with its label."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ...common.parameters import Param
from ..base import GradientAttack, StepRule
from ..losses import Loss, Outputs, signed


@dataclass(frozen=True, kw_only=True)
class CosPGD(GradientAttack):
    """CosPGD (Agnihotri 2024, ICML, algorithm 1), targeted or not.

    Untargeted, it maximises the mean of cos(softmax z, one-hot y) CE(z, y): the better a pixel is
    still predicted, the more it counts. Targeted, it minimises the mean of
    (1 - cos(softmax z, one-hot t)) CE(z, t). The cosine is a weight and carries no gradient. Each
    step descends this loss; the published code instead reverses the direction of targeted steps
    at every iteration. The paper starts at a random point (`random_start`).
    """

    name: ClassVar[str] = "cospgd"
    title: ClassVar[str] = "CosPGD"
    source: ClassVar[str] = "Agnihotri 2024, arXiv 2302.02213"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation", "detection")

    step: Annotated[
        StepRule,
        Param("Step rule; sign: as published"),
    ] = "sign"

    def objective(self) -> Loss:
        return cospgd


def cospgd(outputs: Outputs) -> Tensor:
    """Return the cross-entropy (N,), weighted by the cosine (or 1 - cosine if targeted)."""
    problem = outputs.problem
    pixels = F.cross_entropy(outputs.logits, problem.labels, reduction="none")
    with torch.no_grad():
        p = outputs.logits.softmax(1)
        own = p.gather(1, problem.labels.unsqueeze(1)).squeeze(1)
        # With a one-hot label, the scalar product is the label's probability.
        cosine = own / torch.linalg.vector_norm(p, dim=1)
    weights = 1 - cosine if problem.targeted else cosine
    return signed(outputs.mean(weights * pixels), outputs)
