"""FGSM and PGD: gradient steps inside a ball, targeted or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

from ...common.parameters import Param
from ..base import Additive, Attack, GradientAttack, Objective
from ..loop import Plan, optimise
from ..losses import LOSSES, Loss, margin
from ..problem import Attacking, Problem
from ..rules import Sign


@dataclass(frozen=True, kw_only=True)
class PGD(GradientAttack):
    """Projected gradient descent (Madry 2018, eq. 1) with a choice of step rule and loss.

    The defaults, Adam and the margin loss, are the quickest known for targeted masks. `published`
    holds the settings of Bortsova 2021.

    Examples:
        An attack is a set of parameters, checked when it is made; `craft` runs it.

        >>> from napari_segadv import attacks
        >>> attacks.PGD(epsilon=5.0, steps=20).norm
        'linf'
        >>> attacks.PGD(epsilon=5.0, **attacks.PGD.published).step
        'sign'
        >>> attacks.PGD(steps=0)  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        napari_segadv.errors.SegadvError: steps=0: must be a whole number from 1 to 100000
    """

    name: ClassVar[str] = "pgd"
    title: ClassVar[str] = "PGD"
    source: ClassVar[str] = "Madry 2018, arXiv 1706.06083; Bortsova 2021"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation", "classification", "detection")
    published: ClassVar[Mapping[str, Any]] = {
        "step": "sign",
        "loss": "soft-iou",
        "steps": 100,
        "goal": None,
    }

    loss: Objective = "margin"
    kappa: Annotated[
        float,
        Param(
            "Margin of the margin loss, in logits; with polish it is always 0.5",
            low=0.0,
            high=1e6,
            advanced=True,
        ),
    ] = 1.0

    def objective(self) -> Loss:
        return partial(margin, kappa=self.kappa) if self.loss == "margin" else LOSSES[self.loss]

    @property
    def balanced(self) -> bool:
        return self.loss == "margin"


@dataclass(frozen=True, kw_only=True)
class FGSM(Additive, Attack):
    """Fast gradient sign method (Goodfellow 2015): one step of the whole budget."""

    name: ClassVar[str] = "fgsm"
    title: ClassVar[str] = "FGSM"
    source: ClassVar[str] = "Goodfellow 2015, arXiv 1412.6572"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation", "classification", "detection")

    loss: Objective = "cross-entropy"

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        ball = self.ball(problem)
        plan = Plan.additive(
            ball,
            steps=1,
            loss=LOSSES[self.loss],
            rule=lambda: Sign(ball, 1, ball.radius),
            goal=None,
            transfer=self.transfer(problem, seed),
        )
        return optimise(problem, plan)
