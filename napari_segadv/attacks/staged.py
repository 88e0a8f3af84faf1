"""APGD in stages: it starts in a ball wider than the budget's, and ends inside the budget."""

from dataclasses import replace

import torch
from torch import Tensor

from ..common.generators import relayed
from .balls import Ball
from .loop import Plan, optimise
from .losses import Loss
from .problem import Attacking, Outcome, Progress
from .rules import APGD

# Radius of each stage, in budgets; the first two take this share of the steps each, in tenths.
RADII, TENTHS = (2.0, 1.5, 1.0), 3


def lengths(steps: int) -> tuple[int, int, int]:
    """Return the steps of each stage: 3, 3 and 4 tenths."""
    early = steps * TENTHS // 10
    return early, early, steps - 2 * early


def staged(ball: Ball, loss: Loss, steps: int, goal: float | None = None) -> Attacking:
    """Run APGD in three stages, as SEA does (Croce 2024, ECCV, arXiv 2306.12941).

    Its radius is 2, 1.5 and 1 times the ball's for .3, .3 and .4 of the steps. Each stage starts
    at the best of the stage before, projected onto its own ball, with a step of twice its radius;
    the first starts at the image (the authors' code: at a random point of its ball).

    The result is the best of the last stage, which alone stays inside the ball: what the others
    find counts for nothing but as a start, so they know no goal and their success is told as 0.
    Each stage takes one forward pass more than it has steps, and judges its best again if the model
    was quick (see `optimise`).

    Args:
        ball: the budget; its problem is attacked.
        loss: the loss to minimise, the same in all stages.
        steps: of all stages together.
        goal: success at which an item is done in the last stage; None: never.
    """
    problem = ball.problem
    start = torch.zeros_like(problem.clean)
    taken, curve = 0, list[tuple[float, float]]()
    outcome: Outcome | None = None
    for radius, length in zip(RADII, lengths(steps), strict=True):
        if not length:
            continue
        inside = radius == RADII[-1]
        own = replace(ball, radius=radius * ball.radius)
        start = own.project(start)
        plan = _stage(own, start, loss, length, goal if inside else None)

        def shown(state: Progress, before: int = taken, inside: bool = inside) -> Progress:
            successes = state.successes if inside else torch.zeros_like(state.successes)
            return Progress(before + state.step, steps, state.losses, successes)

        outcome = yield from relayed(optimise(problem, plan), shown)
        start = outcome.adversarial - problem.clean
        taken += outcome.steps
        curve += outcome.curve if inside else [(loss, 0.0) for loss, _ in outcome.curve]
    # The last stage has at least one step.
    assert outcome is not None
    return replace(outcome, steps=taken, curve=tuple(curve))


def _stage(ball: Ball, start: Tensor, loss: Loss, steps: int, goal: float | None) -> Plan:
    """Return the plan of one stage."""
    plan = Plan.additive(
        ball, steps=steps, loss=loss, rule=lambda: APGD(ball, steps, None), goal=goal
    )
    return replace(plan, start=lambda restart: start)
