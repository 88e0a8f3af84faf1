"""SegPGD: cross-entropy whose weight moves from the pixels that resist to those already won."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ...common.parameters import Param
from ..base import GradientAttack, StepRule
from ..losses import Loss, Outputs, signed


@dataclass(frozen=True, kw_only=True)
class SegPGD(GradientAttack):
    """SegPGD (Gu 2022, ECCV, algorithm 1), targeted or not.

    Untargeted, it maximises the mean of (1 - lambda) CE over correct and lambda CE over wrong
    pixels, with lambda = i / 2T at step i of T: at first only correct pixels count, at the end all
    count equally. Targeted, it minimises (1 - lambda) CE off target and lambda CE at target. The
    paper takes sign steps and starts at a random point (`random_start`).
    """

    name: ClassVar[str] = "segpgd"
    title: ClassVar[str] = "SegPGD"
    source: ClassVar[str] = "Gu 2022, arXiv 2207.12391"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation", "detection")

    step: Annotated[
        StepRule,
        Param("Step rule; sign: as published"),
    ] = "sign"

    def objective(self) -> Loss:
        return segpgd


def segpgd(outputs: Outputs) -> Tensor:
    """Return the mean (N,) of (1 - lambda) CE where the goal is missed, lambda CE where reached."""
    share = outputs.share / 2
    pixels = F.cross_entropy(outputs.logits, outputs.problem.labels, reduction="none")
    weights = torch.where(outputs.hits, share, 1 - share)
    return signed(outputs.mean(weights * pixels), outputs)
