"""Synthesis: the best of several images that a trained generator makes from one."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from ...common.parameters import Param
from ...errors import SegadvError
from ..base import Attack
from ..fields.fields import FieldBudget, named
from ..fields.fields import Synthesis as Images
from ..fields.losses import away_by
from ..loop import Plan, optimise
from ..problem import Attacking, FieldGenerator, Problem


@dataclass(frozen=True, kw_only=True)
class Synthesis(Attack):
    """Learned synthesis (Chen 2019): a generator draws D and V for an image, I_DV = warp(I, D) + V.

    The generator was trained to move away from the victim's clean prediction by a mean
    cross-entropy xi on the structures (`segadv synthesis train`), so this attack has no target.
    Each sample is drawn from the latent codes' distributions and shown once to the victim; the one
    that changes most of the structures is the result. No gradient is needed.
    """

    name: ClassVar[str] = "synthesis"
    title: ClassVar[str] = "Learned synthesis"
    source: ClassVar[str] = "Chen 2019, arXiv 1909.11167 (an implementation after the paper)"
    blind: ClassVar[bool] = True
    unbounded: ClassVar[bool] = True
    loads: ClassVar[str] = "generator"

    epsilon: FieldBudget = None
    generator: Annotated[
        str | None,
        Param("Folder written by segadv synthesis train", unit="folder"),
    ] = None
    samples: Annotated[
        int, Param("Number of images drawn; the best is kept", low=1, high=10_000)
    ] = 8

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        synthesiser = self.trained(problem)
        images = Images(self.ball(problem))
        rng = torch.Generator().manual_seed(seed)
        clean = problem.clean
        with torch.no_grad():
            codes = synthesiser.codes(clean)

        def draw() -> Tensor:
            # The same for all items, so that an item's images don't depend on its batch.
            one = synthesiser.noise(clean[:1], rng)
            return one.expand(len(clean), *one.shape[1:])

        plan = Plan(
            steps=self.samples - 1,
            loss=away_by(synthesiser.xi),
            rule=lambda: lambda noise, gradient, seen: draw(),
            start=lambda restart: draw(),
            apply=lambda noise: images(*synthesiser.fields(clean, codes, noise)),
            restrict=lambda gradient: gradient,
            blind=True,
            fields=lambda noise: named(*synthesiser.fields(clean, codes, noise)),
        )
        return optimise(problem, plan)

    def trained(self, problem: Problem) -> FieldGenerator:
        """Return the generator, on the problem's device.

        Raises:
            SegadvError: if there is none, it does not fit, or a target is given.
        """
        if problem.targeted:
            raise SegadvError(
                f"method {self.name}: takes no target, since its generator moves away from the "
                "clean prediction; remove the target, or use method deform"
            )
        if problem.trained is None:
            raise SegadvError(
                f"method {self.name}: needs a generator; train one with segadv synthesis train and "
                "give its folder, --set generator=DIR"
            )
        problem.trained.check(problem.clean)
        return problem.trained.to(problem.clean.device)
