"""DeepFool: repeats the smallest step to the linearised boundary of a class."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor

from ...common.parameters import Param
from ...common.tensors import per_item
from ..balls import Ball
from ..base import Attack, FreeBudget
from ..best import Best
from ..loop import STEPS_BETWEEN_CHECKS
from ..losses import Outputs
from ..problem import Attacking, Outcome, Problem, Progress
from ..texture import Textured

# Longest step, so that its square stays finite in float32.
LONGEST = 1e12


@dataclass(frozen=True, kw_only=True)
class DeepFool(Textured, Attack):
    """DeepFool (Moosavi-Dezfooli 2016, CVPR, algorithm 2; for Linf its equation 11).

    With f_k = z_k - z_y and w_k its gradient, each step goes to the nearest of the linearised
    boundaries: that of the class k with the least |f_k| / ||w_k||_q, by |f_k| / ||w_k||_2^2 w_k
    (L2) or |f_k| / ||w_k||_1 sign w_k (Linf). Towards a target t there is one boundary, that
    between t and the strongest other class. Each step, and so their sum, is overshot by a factor
    of 1.02, as in the authors' code: the next step starts from the point where success is tested.

    The result is the first image beyond the boundary, so close to it that rounding can undo the
    change; `lead` moves the boundaries away by that many logits. The paper has no budget. A step
    takes one forward pass, and one backward pass for each class considered.
    """

    name: ClassVar[str] = "deepfool"
    title: ClassVar[str] = "DeepFool"
    source: ClassVar[str] = "Moosavi-Dezfooli 2016, arXiv 1511.04599"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    unbounded: ClassVar[bool] = True

    epsilon: FreeBudget = None
    norm: Annotated[Literal["l2", "linf"], Param("Norm of the perturbation to minimise")] = "l2"
    steps: Annotated[int, Param("Largest number of steps", low=1, high=100_000)] = 50
    overshoot: Annotated[
        float, Param("Share by which each step is overshot", low=0.0, high=100.0)
    ] = 0.02
    lead: Annotated[
        float,
        Param(
            "Logits by which the new class must lead; 0: as published; more if rounding to whole "
            "grey levels undoes the change",
            low=0.0,
            high=1e6,
        ),
    ] = 0.0
    candidates: Annotated[
        int,
        Param(
            "Number of other classes considered, strongest first; each costs a backward pass",
            low=1,
            high=10_000,
            advanced=True,
        ),
    ] = 10

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        ball = self.ball(problem)
        noise = torch.zeros_like(problem.clean)
        best = Best.of(noise)
        every = STEPS_BETWEEN_CHECKS.get(problem.clean.device.type, 10)
        curve: list[Tensor] = []
        taken = 0
        for step in range(self.steps + 1):
            leaf = noise.detach().requires_grad_()
            outputs = Outputs(problem.model(problem.clean + ball.noise(leaf)), problem)
            with torch.no_grad():
                losses = _shortfall(outputs)
                moved, kept = outputs.shares()
                best.update(noise, torch.minimum(moved, kept), losses, moved, kept)
                best.done = best.done | (losses < -self.lead)
                curve.append(torch.stack([losses.mean(), best.score.mean()]))
            checked = step % every == 0 or step == self.steps
            if step == self.steps or (checked and bool(best.done.all())):
                break
            nearest = self.nearest(outputs, leaf, ball)
            del outputs, leaf
            with torch.no_grad():
                noise = ball.project(noise + (1 + self.overshoot) * nearest)
            taken += 1
            yield Progress(taken, self.steps, losses, best.score)
        points = torch.stack(curve).tolist()
        return Outcome(
            problem.clean + ball.noise(best.variable),
            best.moved,
            best.kept,
            taken,
            tuple((loss, score) for loss, score in points),
        )

    def nearest(self, outputs: Outputs, leaf: Tensor, ball: Ball) -> Tensor:
        """Return the step (N, C, *S) to the nearest linearised boundary; 0 without a gradient.

        Args:
            outputs: at the perturbation, with its graph.
            leaf: the perturbation (N, C, *S).
            ball: gives the norm and the region.
        """
        distance = leaf.new_full((len(leaf),), torch.inf)
        found = torch.zeros_like(leaf)
        gaps = self.gaps(outputs)
        for number, gap in enumerate(gaps):
            (w,) = torch.autograd.grad(gap.sum(), leaf, retain_graph=number + 1 < len(gaps))
            with torch.no_grad():
                length, step = to_boundary(self.lead - gap, ball.restrict(w), ball.norm)
                nearer = length < distance
                distance = torch.where(nearer, length, distance)
                found = torch.where(per_item(nearer, found), step, found)
        return found

    def gaps(self, outputs: Outputs) -> list[Tensor]:
        """Return z_k - z_y (N,) per class k considered; for a target t, z_t minus the strongest."""
        scores, labels = outputs.logits[..., 0], outputs.problem.labels
        own = scores.gather(1, labels)
        others = scores.scatter(1, labels, -torch.inf)
        count = 1 if outputs.problem.targeted else min(self.candidates, scores.shape[1] - 1)
        strongest = others.topk(count, dim=1).values
        gaps = strongest - own
        return list((-gaps if outputs.problem.targeted else gaps).unbind(1))


def _shortfall(outputs: Outputs) -> Tensor:
    """Return how many logits (N,) short of the goal the outputs are; negative beyond it."""
    margins = outputs.margins if outputs.problem.targeted else -outputs.margins
    return outputs.mean(margins)


def to_boundary(gap: Tensor, w: Tensor, norm: str) -> tuple[Tensor, Tensor]:
    """Return the distance (N,) at which a linearised gap closes, and the step (N, C, *S) there.

    Args:
        gap: by how much f (N,) has to grow.
        w: the gradient of f (N, C, *S); if it is 0, the distance is infinite.
        norm: "l2" or "linf", in which the distance is measured.
    """
    # Divides by the largest entry: squares of small float32 gradients underflow.
    peak = w.abs().flatten(1).amax(1)
    there = peak > 0
    peak = torch.where(there, peak, 1.0)
    unit = w / per_item(peak, w)
    size = torch.linalg.vector_norm(unit.flatten(1), ord=2 if norm == "l2" else 1, dim=1)
    size = torch.where(there, size, 1.0)
    distance = (gap / peak / size).clamp(0.0, LONGEST)
    direction = unit / per_item(size, unit) if norm == "l2" else unit.sign()
    return torch.where(there, distance, torch.inf), per_item(distance, unit) * direction
