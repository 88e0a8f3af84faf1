"""Deform: displacement and intensity fields optimised for one image."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from ...common.parameters import IMAGE_UNITS, Param
from ..balls import Ball
from ..base import DEFAULT_GOAL, LARGEST, Attack, LossName, StepRule, Steps
from ..fields.fields import FieldBudget, Lattice, Parts, Synthesis, named
from ..fields.losses import away_by, mean_square, spread
from ..loop import Plan, optimise
from ..losses import LOSSES
from ..problem import Attacking, Problem
from ..rules import RULES

# Distance between controls: a share of the image's longest side, but at least this many pixels.
SPACING_SHARE, SMALLEST_SPACING = 1 / 64, 4.0
# Share of that distance up to which no displacement folds in 3-D; in 2-D it is 0.48.
FOLD_FREE = 0.4
# Share of the window that the victim sees.
INTENSITY_SHARE = 0.05


@dataclass(frozen=True, kw_only=True)
class Deform(Attack):
    """Smooth displacement D and intensity V as free variables: I_DV = warp(I, D) + V.

    The direct form of Chen 2019's learned synthesis: the fields that their generator would give are
    optimised for this image. Untargeted, it minimises (xi - CE)^2 (their segmentation loss), with
    the cross-entropy averaged over the structures; with a target, it minimises the chosen loss. It
    adds 0.1 |D|^2 and 0.01 V^2, means over pixels with D in pixels and V in standard deviations of
    the image (the paper z-scores its images and says no more about the norms).

    Both fields are cubic B-splines over a control grid, so they are smooth whatever the victim's
    gradient is, and limits on the controls hold for the fields. A displacement of at most 0.4 of
    the controls' distance along each axis never folds (Choi & Lee 2000).

    Without a target, the last image is the result: the cross-entropy should reach xi, not exceed
    it.
    """

    name: ClassVar[str] = "deform"
    title: ClassVar[str] = "Deformation and shading"
    source: ClassVar[str] = "Chen 2019, arXiv 1909.11167 (fields of one image)"
    unbounded: ClassVar[bool] = True

    epsilon: FieldBudget = None
    parts: Annotated[Parts, Param("Which of the two fields to use")] = "both"
    displacement: Annotated[
        float | None,
        Param(
            "Largest displacement along each axis; none: 0.4 of the spacing, which never folds",
            low=0.0,
            high=10_000.0,
            unit="pixels",
        ),
    ] = None
    intensity: Annotated[
        float | None,
        Param(
            "Largest change by the intensity field; none: 5 % of the model's window",
            low=0.0,
            high=LARGEST,
            unit=IMAGE_UNITS,
        ),
    ] = None
    spacing: Annotated[
        float | None,
        Param(
            "Distance between the fields' control points, larger is smoother; none: 1/64 of the "
            "longest side, at least 4",
            low=1.0,
            high=10_000.0,
            unit="pixels",
        ),
    ] = None
    xi: Annotated[
        float,
        Param(
            "Without a target: mean cross-entropy to reach on the structures (Chen 2019: 1 to 3)",
            low=0.0,
            high=1000.0,
        ),
    ] = 2.0
    loss: Annotated[LossName, Param("With a target: objective to minimise")] = "margin"
    steps: Steps = 60
    step: Annotated[StepRule, Param("Step rule", advanced=True)] = "adam"
    goal: Annotated[
        float | None,
        Param(
            "With a target: stop when this share of the change is made and this share of the "
            "structures is intact; none: run all steps",
            low=0.0,
            high=1.0,
        ),
    ] = DEFAULT_GOAL
    displacement_penalty: Annotated[
        float, Param("Weight of |D|^2, D in pixels", low=0.0, high=1e6, advanced=True)
    ] = 0.1
    intensity_penalty: Annotated[
        float,
        Param("Weight of V^2, V in standard deviations", low=0.0, high=1e6, advanced=True),
    ] = 0.01
    random_start: Annotated[
        bool, Param("Start at random fields, not at the image", advanced=True)
    ] = False

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        generator = torch.Generator().manual_seed(seed)
        fields = self.fields(problem)
        box = fields.box(problem)
        synthesis = Synthesis(self.ball(problem))

        def start(restart: int) -> Tensor:
            return (
                box.random(generator) if self.random_start else problem.clean.new_zeros(box.shape)
            )

        plan = Plan(
            steps=self.steps,
            loss=LOSSES[self.loss] if problem.targeted else away_by(self.xi),
            rule=lambda: RULES[self.step](box, self.steps, None),
            start=start,
            apply=lambda controls: synthesis(*fields(controls)),
            restrict=box.restrict,
            goal=self.goal if problem.targeted else None,
            keeps_best=problem.targeted,
            penalty=lambda controls: self.penalty(fields(controls), spread(problem.clean)),
            fields=lambda controls: named(*fields(controls)),
        )
        return optimise(problem, plan)

    def fields(self, problem: Problem) -> "Fields":
        """Return how controls become the fields of a problem, with the defaults filled in."""
        longest = max(problem.clean.shape[2:])
        spacing = self.spacing or max(SPACING_SHARE * longest, SMALLEST_SPACING)
        bend = FOLD_FREE * spacing if self.displacement is None else self.displacement
        shade = INTENSITY_SHARE * problem.window if self.intensity is None else self.intensity
        return Fields(
            Lattice.over(problem.clean, spacing),
            dims=0 if self.parts == "intensity" else problem.clean.ndim - 2,
            channels=0 if self.parts == "displacement" else problem.clean.shape[1],
            displacement=bend,
            intensity=shade,
        )

    def penalty(self, fields: tuple[Tensor | None, Tensor | None], unit: Tensor) -> Tensor:
        """Return 0.1 |D|^2 + 0.01 V^2 (N,), V in `unit` (N,)."""
        displacement, intensity = fields
        total = torch.zeros_like(unit)
        if displacement is not None:
            total = total + self.displacement_penalty * mean_square(displacement)
        if intensity is not None:
            total = total + self.intensity_penalty * mean_square(intensity) / unit.square()
        return total


@dataclass(frozen=True, eq=False)
class Fields:
    """Turns control values (N, dims + channels, *G), as shares of their limits, into fields.

    Attributes:
        lattice: where the controls are.
        dims, channels: components of D and V; 0 if a field is not used.
        displacement, intensity: limits, in pixels and in the image's units.
    """

    lattice: Lattice
    dims: int
    channels: int
    displacement: float
    intensity: float

    def __call__(self, controls: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return D (N, dims, *S) and V (N, channels, *S); None for one that is not used."""
        both = self.lattice.expand(controls)
        return (
            self.displacement * both[:, : self.dims] if self.dims else None,
            self.intensity * both[:, self.dims :] if self.channels else None,
        )

    def box(self, problem: Problem) -> "Box":
        """Return the set that the controls of a problem must stay in."""
        shape = (len(problem), self.dims + self.channels, *self.lattice.size)
        return Box(problem, "linf", problem.clean.new_ones(len(problem)), shape=shape)


@dataclass(frozen=True)
class Box(Ball):
    """Control values from -1 to 1; region and bounds limit the images, not the controls."""

    shape: tuple[int, ...] = ()

    def project(self, d: Tensor) -> Tensor:
        return d.clamp(-1.0, 1.0)

    def restrict(self, gradient: Tensor) -> Tensor:
        return gradient

    def random(self, generator: torch.Generator) -> Tensor:
        drawn = torch.rand(self.shape, generator=generator) * 2 - 1
        return drawn.to(self.radius.device)
