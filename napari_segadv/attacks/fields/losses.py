"""What a synthesis minimises: the distance to a given cross-entropy, and the fields' sizes."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..losses import Loss, Outputs


def structures_cross_entropy(outputs: Outputs) -> Tensor:
    """Return the mean cross-entropy (N,) to the labels over the structures; 0 if there are none."""
    problem = outputs.problem
    pixels = F.cross_entropy(outputs.logits, problem.labels, reduction="none")
    inside = problem.moving
    total = inside.flatten(1).sum(1).clamp_min(1)
    mean: Tensor = (pixels * inside).flatten(1).sum(1) / total
    return mean


def away_by(xi: float) -> Loss:
    """Return the loss (xi - CE)^2 (Chen 2019, eq. 4 and 5), with CE over the structures' mask.

    The paper writes the cross-entropy with its arguments swapped; here the labels are the fixed
    distribution and the prediction on the changed image is the one that is scored.
    """

    def loss(outputs: Outputs) -> Tensor:
        return (xi - structures_cross_entropy(outputs)).square()

    return loss


def mean_square(field: Tensor) -> Tensor:
    """Return the mean (N,) over pixels of the squared length of a field (N, K, *S)."""
    return field.square().sum(1).flatten(1).mean(1)


def spread(images: Tensor) -> Tensor:
    """Return the standard deviation (N,) of each image (N, C, *S); 1 if it is constant."""
    deviation = images.flatten(1).std(1)
    return torch.where(deviation > 0, deviation, 1.0)
