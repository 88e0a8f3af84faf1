"""What a run keeps of its passes: the best variable of each item, and loss and score of each."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.tensors import per_item


@dataclass
class Best:
    """The best variable of each item so far, ranked by min(moved, kept), then by a tie-breaker."""

    score: Tensor
    tie: Tensor
    moved: Tensor
    kept: Tensor
    variable: Tensor
    done: Tensor
    newest: bool = False

    @classmethod
    def of(cls, variable: Tensor, newest: bool = False) -> "Best":
        """Make the state before the first pass. With `newest`, the last variable is the best."""
        zero = variable.new_zeros(len(variable))
        return cls(zero - 1, zero, zero, zero, variable, zero.bool(), newest)

    def update(
        self, variable: Tensor, score: Tensor, tie: Tensor, moved: Tensor, kept: Tensor
    ) -> Tensor:
        """Update the items that are better now; return which ones (N,).

        An item that is done no longer changes.

        Args:
            variable: of this pass.
            score: (N,), larger is better.
            tie: (N,), smaller is better if the scores are equal.
            moved, kept: (N,), of this pass.
        """
        level = (score == self.score) & (tie < self.tie)
        better = ((score > self.score) | level | self.newest) & ~self.done
        self.score = torch.where(better, score, self.score)
        self.tie = torch.where(better, tie, self.tie)
        self.moved = torch.where(better, moved, self.moved)
        self.kept = torch.where(better, kept, self.kept)
        self.variable = torch.where(per_item(better, variable), variable, self.variable)
        return better

    def keep(self, before: "Best") -> None:
        """Take back the items that were better at the end of an earlier start."""
        newest, self.newest = self.newest, False
        self.update(before.variable, before.score, before.tie, before.moved, before.kept)
        self.newest = newest

    def finish(self, goal: float | None) -> None:
        """Mark the items that have reached the goal as done."""
        if goal is not None:
            self.done = self.done | (self.score >= goal)


class Curve:
    """Loss and score of each pass, in one tensor.

    Small tensors that stay, made between large ones that are freed, would keep the allocator from
    reusing the freed memory (half a megabyte per step).
    """

    def __init__(self, passes: int, like: Tensor) -> None:
        self.points = like.new_empty((passes, 2))
        self.length = 0

    def add(self, losses: Tensor, scores: Tensor) -> None:
        """Note the means of losses and scores, each (N,)."""
        self.points[self.length, 0] = losses.mean()
        self.points[self.length, 1] = scores.mean()
        self.length += 1

    def values(self) -> tuple[tuple[float, float], ...]:
        """Return loss and score of each pass."""
        return tuple((loss, score) for loss, score in self.points[: self.length].tolist())
