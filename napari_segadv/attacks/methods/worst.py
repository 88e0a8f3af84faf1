"""Worst: the worst case of a fixed ensemble of attacks, image by image."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from ...common.generators import relayed
from ...common.parameters import Param
from ...common.wording import counted
from ...errors import SegadvError
from ..base import DEFAULT_GOAL, Attack, Steps
from ..best import Best, Curve
from ..losses import (
    Loss,
    Outputs,
    balanced_masked_cross_entropy,
    jensen_shannon,
    margin,
    masked_cross_entropy,
)
from ..problem import Attacking, Outcome, Problem, Progress
from ..staged import staged
from .least import Least
from .pgd import PGD
from .square import Square

SEA: dict[str, Loss] = {
    "balanced": balanced_masked_cross_entropy,
    "masked": masked_cross_entropy,
    "js": jensen_shannon,
}
# What the image itself is called among the members, which it competes with.
IMAGE = "image"


@dataclass(frozen=True, kw_only=True)
class Worst(Attack):
    """The worst case of several attacks: how robust a model is can only be overestimated by one.

    The members, each with the same epsilon, norm, steps and seed, and each a run of its own:

    - `margin`: PGD with Adam on the margin loss, this package's default.
    - `sea`: three runs of SEA (Croce 2024, ECCV, section 2): APGD in three stages of radius 2
      epsilon, 1.5 epsilon and epsilon, see `attacks.staged`, on the balanced mask cross-entropy,
      the mask cross-entropy and the Jensen-Shannon divergence.
    - `cross_entropy` and `cosine`: PGD with Adam on these two losses, after PAdam-CE and PAdam-Cos
      (Halmosi 2024, ECCV). Their code takes Adam of a constant step from a random start; here it is
      our Adam, from the image.
    - `least`: the least perturbation, bounded by epsilon. It finds what a run at full epsilon
      steps over.
    - `square`: from scores alone, which no useless gradient misleads. It is for Linf alone and is
      left out in other norms, with a note.

    Of each image of the batch the worst result counts, and the image itself is among the
    candidates, so no result is better for the model than the clean image. Untargeted, the worst is
    the one of the lowest mean Dice with the truth over its structures; the classes are those that
    the victim's own decision gives, as in `dice_with_truth`. With a target, it is the one of the
    largest min(moved, kept). Of equal ones, it is the smallest perturbation in the norm; of equal
    sizes, the first member's.

    An evaluation is worth as much as what it tried, so untargeted all members run all their steps
    and `goal` does not count; `least` then goes for all pixels. With a target, the question is
    whether it can be reached: an image that a member brings to the goal is left to that member and
    not touched again, and success beyond the goal does not count. With goal=none all members run
    all steps there too. So an image's result is at least as bad as that of each member run alone
    with the same settings and seed, up to the goal.

    `published` is SEA alone.
    """

    name: ClassVar[str] = "worst"
    title: ClassVar[str] = "Worst of several attacks"
    source: ClassVar[str] = "Croce 2024, arXiv 2306.12941; Halmosi 2024, arXiv 2407.09150"
    published: ClassVar[Mapping[str, Any]] = {
        "steps": 300,
        "goal": None,
        "margin": False,
        "cross_entropy": False,
        "cosine": False,
        "least": False,
        "square": False,
    }

    steps: Annotated[
        int,
        Param("Gradient steps of each attack; sea makes three attacks", low=1, high=100_000),
    ] = 100
    goal: Annotated[
        float | None,
        Param(
            "With a target: an image that one attack brings there is left alone by the next ones; "
            "none, and without a target: all attacks run all steps",
            low=0.0,
            high=1.0,
        ),
    ] = DEFAULT_GOAL
    margin: Annotated[bool, Param("Run PGD with Adam on the margin loss")] = True
    sea: Annotated[
        bool,
        Param("Run SEA: APGD in shrinking balls, on three losses"),
    ] = True
    cross_entropy: Annotated[bool, Param("Run PGD with Adam on the cross-entropy")] = True
    cosine: Annotated[bool, Param("Run PGD with Adam on the cosine loss")] = True
    least: Annotated[bool, Param("Run the search for the least perturbation")] = True
    square: Annotated[bool, Param("Run Square, which needs no gradient; Linf only")] = True
    queries: Annotated[
        int | None,
        Param("Queries of square; none: as many as steps", low=1, high=1_000_000, advanced=True),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        chosen = (self.margin, self.sea, self.cross_entropy, self.cosine, self.least)
        if any(chosen) or (self.square and not self.leaves_square_out):
            return
        if self.square:
            raise SegadvError(
                f"norm={self.norm}: square is for Linf alone; choose another attack too"
            )
        raise SegadvError(
            "method worst: no attack is chosen; set one of margin, sea, cross_entropy, cosine, "
            "least, square to true"
        )

    @property
    def leaves_square_out(self) -> bool:
        """Whether `square` is asked for in a norm that it does not know."""
        return self.square and self.norm != "linf"

    def members(self, problem: Problem) -> "dict[str, Member]":
        """Return the attacks that are run, by name and in their order."""
        goal = self.goal if problem.targeted else None
        shared: dict[str, Any] = {
            "epsilon": self.budget(problem),
            "norm": self.norm,
            "steps": self.steps,
        }
        found: dict[str, Member] = {}
        if self.margin:
            found["margin"] = PGD(**shared, goal=goal)
        if self.sea:
            for loss in SEA:
                found[f"sea-{loss}"] = Staged(**shared, goal=goal, loss=loss)
        if self.cross_entropy:
            found["cross-entropy"] = PGD(**shared, goal=goal, loss="cross-entropy")
        if self.cosine:
            found["cosine"] = PGD(**shared, goal=goal, loss="cosine")
        if self.least:
            found["least"] = Least(**shared, goal=1.0 if goal is None else goal)
        if self.square and not self.leaves_square_out:
            queries = {} if self.queries is None else {"steps": self.queries}
            found["square"] = Square(**shared | queries, goal=goal)
        return found

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        return _Search(self, problem, seed).run()


@dataclass(frozen=True, kw_only=True)
class Staged(Attack):
    """One run of SEA. It has no name of its own: `worst` is how it is run."""

    steps: Steps = 100
    goal: float | None = DEFAULT_GOAL
    loss: str = "balanced"

    def run(self, problem: Problem, seed: int = 0) -> Attacking:
        return staged(self.ball(problem), SEA[self.loss], self.steps, self.goal)


Member = PGD | Staged | Least | Square


class _Search:
    """A run over all members: the worst image of each item so far, and what each member reached."""

    def __init__(self, attack: Worst, problem: Problem, seed: int) -> None:
        self.attack, self.problem, self.seed = attack, problem, seed
        self.goal = attack.goal if problem.targeted else None
        self.ball = attack.ball(problem)
        self.members = attack.members(problem)
        self.total = sum(member.steps for member in self.members.values())
        # A point for each step and for each judgement.
        self.curve = Curve(self.total + len(self.members) + 1, problem.clean)
        self.best = Best.of(problem.clean)
        self.best.score = self.best.score.double().fill_(-torch.inf)
        self.best.tie = self.best.tie.double()
        self.winner = torch.zeros_like(self.best.score, dtype=torch.long)
        self.reached: dict[str, dict[str, Any]] = {}
        self.taken = 0

    def run(self) -> Attacking:
        problem = self.problem
        everything = torch.arange(len(problem), device=problem.clean.device)
        with torch.no_grad():
            outputs = Outputs(problem.model(problem.clean), problem)
            found = Found(problem.clean, *outputs.shares(), self._dice(outputs))
            self._take(IMAGE, 0, problem, everything, found)
            self.curve.add(margin(outputs), self.scores)
        for name, member in self.members.items():
            items = everything[~self.best.done]
            if not len(items):
                break
            yield from self._member(name, member, items)
        best = self.best
        return Outcome(
            best.variable,
            best.moved,
            best.kept,
            self.taken,
            self.curve.values(),
            details={
                "winner": self.winners,
                "members": self.reached,
                "left_out": ["square"] if self.attack.leaves_square_out else [],
            },
            notes=self._notes(),
        )

    def _member(self, name: str, member: Member, items: Tensor) -> Generator[Progress, None, None]:
        """Run a member on the items (M,) that are not done."""
        problem = self.problem if len(items) == len(self.problem) else self.problem.only(items)
        outcome = yield from relayed(member.run(problem, self.seed), self._shown(items))
        self.taken += outcome.steps
        with torch.no_grad():
            dice = None
            if not problem.targeted:
                dice = self._dice(Outputs(problem.model(outcome.adversarial), problem))
            found = Found(outcome.adversarial, outcome.moved, outcome.kept, dice)
            self._take(name, outcome.steps, problem, items, found)
            self.curve.add(self.best.moved.new_tensor(outcome.curve[-1][0]), self.scores)

    def _shown(self, items: Tensor) -> Callable[[Progress], Progress]:
        """Return how a member's Progress becomes that of the whole."""
        before, scores = self.taken, self.scores

        def shown(state: Progress) -> Progress:
            best = scores.clone()
            best[items] = torch.maximum(best[items], state.successes)
            self.curve.add(state.losses, best)
            return Progress(before + state.step, self.total, state.losses, best)

        return shown

    def _dice(self, outputs: Outputs) -> Tensor | None:
        """Return the Dice (N,) by which untargeted candidates are compared."""
        problem = outputs.problem
        return None if problem.targeted else problem.dice(problem.predicted(outputs.logits))

    def _take(self, name: str, steps: int, problem: Problem, items: Tensor, found: "Found") -> None:
        """Compare what a candidate found with the worst so far, and note both.

        Args:
            name: of the candidate.
            steps: that it took.
            problem: of the items that it ran on.
            items: their numbers (M,) in the batch.
            found: what it found.
        """
        size = replace(self.ball, problem=problem).size(found.images - problem.clean).double()
        score = self._counted(found.moved, found.kept).double()
        score = score if found.dice is None else -found.dice
        best = self.best
        worse = best.update(
            placed(found.images, items, best.variable),
            placed(score, items, torch.full_like(best.score, -torch.inf)),
            placed(size, items, best.tie),
            placed(found.moved, items, best.moved),
            placed(found.kept, items, best.kept),
        )
        self.winner = torch.where(worse, len(self.reached), self.winner)
        if self.goal is not None:
            best.done = torch.minimum(best.moved, best.kept) >= self.goal
        kept = found.kept if problem.targeted else None
        figures = {"moved": found.moved, "kept": kept, "dice": found.dice, "size": size}
        listed = {key: self._listed(items, v) for key, v in figures.items() if v is not None}
        self.reached[name] = {"steps": steps, **listed}

    def _counted(self, moved: Tensor, kept: Tensor) -> Tensor:
        """Return the success (N,); beyond the goal it does not count."""
        return torch.minimum(moved, kept).clamp_max(1.0 if self.goal is None else self.goal)

    @property
    def scores(self) -> Tensor:
        """The success (N,) at the worst images so far."""
        return self._counted(self.best.moved, self.best.kept)

    def _listed(self, items: Tensor, values: Tensor) -> list[float | None]:
        """Return a value for each item of the batch; None for those that were not run."""
        known = dict(zip(items.tolist(), values.tolist(), strict=True))
        return [known.get(item) for item in range(len(self.problem))]

    @property
    def winners(self) -> list[str]:
        """The name of the candidate that is each item's worst."""
        names = list(self.reached)
        return [names[number] for number in self.winner.tolist()]

    def _notes(self) -> tuple[str, ...]:
        names = " and ".join(dict.fromkeys(self.winners))
        ran, asked = len(self.reached) - 1, len(self.members)
        those = counted(ran, "attack") if ran == asked else f"{ran} of {counted(asked, 'attack')}"
        notes = [f"the worst of the image and {those} is {names}"]
        if self.attack.leaves_square_out:
            norm = self.attack.norm
            notes.append(f"square is for Linf alone, so it was left out with norm={norm}")
        return tuple(notes)


@dataclass(frozen=True)
class Found:
    """What a candidate found: images (M, C, *S), their shares and, if untargeted, Dice, (M,)."""

    images: Tensor
    moved: Tensor
    kept: Tensor
    dice: Tensor | None


def placed(values: Tensor, items: Tensor, among: Tensor) -> Tensor:
    """Return `among` (N, ...) with the values (M, ...) at the items (M,)."""
    found = among.clone()
    found[items] = values
    return found
