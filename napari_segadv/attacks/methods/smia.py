"""SMIA: the stabilised medical image attack, implemented from the paper."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ...common.parameters import IMAGE_UNITS, Param
from ...errors import SegadvError
from ..base import LARGEST, Additive, Attack, Goal, Steps
from ..gaussian import blurred
from ..loop import Plan, optimise
from ..losses import Outputs, signed
from ..problem import Attacking, Problem
from ..rules import Sign


@dataclass(frozen=True, kw_only=True)
class SMIA(Additive, Attack):
    """Stabilised medical image attack (Qi 2021, ICLR, eq. 3 to 5).

    From the second step on, it maximises L(f(x~), y) - alpha L(f(x~), f(x + W * eta)), with
    eta = x~ - x the perturbation so far and W a Gaussian kernel: the prediction should move away
    from y but stay close to the prediction for the smoothed perturbation. With a target, the first
    loss is minimised instead. Each step after the first takes two forward and backward passes.

    The paper adds steps of epsilon without projecting, so its effective budget is steps x epsilon;
    here `epsilon` is that total, and a step is epsilon / steps unless `step_size` is given.
    """

    name: ClassVar[str] = "smia"
    title: ClassVar[str] = "SMIA"
    source: ClassVar[str] = "Qi 2021, ICLR"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation", "classification", "detection")

    steps: Steps = 10
    alpha: Annotated[
        float, Param("Weight of the stabilising loss; 0: I-FGSM", low=0.0, high=1e6)
    ] = 1.0
    kernel: Annotated[int, Param("Width of the Gaussian kernel in pixels, odd", low=1, high=99)] = 3
    sigma: Annotated[
        float, Param("Standard deviation of the kernel in pixels", low=0.01, high=100.0)
    ] = 1.0
    second: Annotated[
        Literal["soft", "hard"],
        Param("Smoothed prediction as probabilities (soft, with a gradient) or classes (hard)"),
    ] = "soft"
    step_size: Annotated[
        float | None,
        Param(
            "Length of a step; none: epsilon / steps",
            low=0.0,
            high=LARGEST,
            unit=IMAGE_UNITS,
            advanced=True,
        ),
    ] = None
    goal: Goal = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel % 2 == 0:
            raise SegadvError(f"kernel={self.kernel}: must be odd")

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        ball = self.ball(problem)
        length = self.budget(problem) / self.steps if self.step_size is None else self.step_size
        size = torch.full_like(ball.radius, length)

        def smoothed(point: Tensor, step: int) -> Tensor | None:
            """Return x + W * eta; None at first, when there is no perturbation to smooth."""
            if step == 0 or self.alpha == 0:
                return None
            return problem.clean + blurred(ball.noise(point), self.kernel, self.sigma)

        plan = Plan.additive(
            ball,
            steps=self.steps,
            loss=self.objective,
            rule=lambda: Sign(ball, self.steps, size),
            goal=self.goal,
            second=smoothed,
            # As in the paper. Also, losses with and without the second term can't be compared.
            keeps_best=False,
            transfer=self.transfer(problem, seed),
        )
        return optimise(problem, plan)

    def objective(self, outputs: Outputs) -> Tensor:
        """Return the loss to minimise (N,): eq. 3 with its sign flipped."""
        pixels = F.cross_entropy(outputs.logits, outputs.problem.labels, reduction="none")
        loss = signed(outputs.mean(pixels), outputs)
        if outputs.others is None:
            return loss
        if self.second == "hard":
            stable = F.cross_entropy(outputs.logits, outputs.others.argmax(1), reduction="none")
        else:
            log_p, q = outputs.logits.log_softmax(1), outputs.others.softmax(1)
            stable = -(q * log_p).sum(1)
        return loss + self.alpha * outputs.mean(stable)
