"""The one loop that every iterative attack runs in: best so far, early stop, restarts, counting."""

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .balls import Ball
from .best import Best, Curve
from .losses import Loss, Outputs
from .problem import Attacking, Outcome, Problem, Progress
from .rules import Rule, Seen
from .transfer import ITSELF, Copy, Transfer

# Reading a flag from a GPU waits for all the work queued on it, so it is done rarely there.
STEPS_BETWEEN_CHECKS = {"cpu": 1, "cuda": 10}
# Share of the steps that a model takes at its best after it was quick.
LAST_SHARE = 0.1


@dataclass(frozen=True)
class Plan:
    """The choices that make an attack out of the loop.

    Attributes:
        steps: largest number of steps in each start.
        loss: the loss to minimise.
        rule: makes the step rule of one start.
        start: gives the variable that start k begins at: noise, fields, a latent code (N, ...).
        apply: turns the variable into images (N, C, *S).
        second: turns the variable, at a step, into another view (N, C, *S) of the images, whose
            logits the loss also needs; if it returns None, that step has no second pass.
        restrict: sets the gradient of the variable to 0 where nothing may change.
        goal: success at which an item is done; None: never.
        restarts: number of starts; the later ones continue with the items that are not done.
        penalty: gives a penalty (N,) of the variable, added to the loss; None: none.
        size: gives the size (N,) of the variable. With it, the run continues beyond the goal until
            its steps are used, and the smallest variable that reaches the goal is the best.
        blind: True for an attack that sees only scores and needs no gradient.
        keeps_best: False for an attack whose paper returns the last image.
        fields: gives the named fields of the best variable, for the Outcome; None: noise alone.
        transfer: makes the gradient of noise one that copies of the images share; None: it is that
            of the images. With it, a run does not stop at the goal, and unless it has a size, the
            last image is the result.
    """

    steps: int
    loss: Loss
    rule: Callable[[], Rule]
    start: Callable[[int], Tensor]
    apply: Callable[[Tensor], Tensor]
    restrict: Callable[[Tensor], Tensor]
    goal: float | None = None
    restarts: int = 1
    penalty: Callable[[Tensor], Tensor] | None = None
    size: Callable[[Tensor], Tensor] | None = None
    second: Callable[[Tensor, int], Tensor | None] | None = None
    blind: bool = False
    keeps_best: bool = True
    fields: Callable[[Tensor], Mapping[str, Tensor]] | None = None
    transfer: Transfer | None = None

    @classmethod
    def additive(
        cls,
        ball: Ball,
        *,
        steps: int,
        loss: Loss,
        rule: Callable[[], Rule],
        goal: float | None = None,
        restarts: int = 1,
        first_random: bool = False,
        generator: torch.Generator | None = None,
        penalty: Callable[[Tensor], Tensor] | None = None,
        size: Callable[[Tensor], Tensor] | None = None,
        second: Callable[[Tensor, int], Tensor | None] | None = None,
        keeps_best: bool = True,
        transfer: Transfer | None = None,
    ) -> "Plan":
        """Make a plan whose variable is a point of a ball: the noise, or what its texture shapes.

        The first start is the image itself unless `first_random`; later ones are random points
        of the ball and need a generator.
        """
        clean = ball.problem.clean

        def start(restart: int) -> Tensor:
            if generator is None or (restart == 0 and not first_random):
                return torch.zeros_like(clean)
            return ball.random(generator)

        return cls(
            steps=steps,
            loss=loss,
            rule=rule,
            start=start,
            apply=lambda point: clean + ball.noise(point),
            restrict=ball.restrict,
            goal=goal,
            restarts=restarts,
            penalty=penalty,
            size=size,
            second=second,
            keeps_best=keeps_best,
            transfer=transfer,
        )

    @property
    def newest(self) -> bool:
        """True if the last image of a start is its result, not the best."""
        return not self.keeps_best or (self.transfer is not None and self.size is None)

    @property
    def stops_at(self) -> float | None:
        """The success at which an item needs no further step; None: it takes them all."""
        return self.goal if self.size is None and self.transfer is None else None

    def outputs(
        self, problem: Problem, variable: Tensor, step: int, copy: Copy = ITSELF
    ) -> Outputs:
        """Run the forward pass, and the second view's if there is one, at a variable.

        Of a copy, the logits are those on the images' own pixels.
        """
        model = problem.model if copy.same else problem.of_copies or problem.model
        logits = copy.back(model(copy(self.apply(variable))))
        view = None if self.second is None else self.second(variable, step)
        others = None if view is None else copy.back(model(copy(view)))
        return Outputs(logits, problem, step / max(self.steps, 1), others, not copy.same)

    def losses(self, outputs: Outputs, variable: Tensor) -> Tensor:
        """Return the losses (N,) of a pass at a variable, with its penalty."""
        losses = self.loss(outputs)
        return losses if self.penalty is None else losses + self.penalty(variable)

    def rank(self, variable: Tensor, scores: Tensor, losses: Tensor) -> tuple[Tensor, Tensor]:
        """Return the score and the tie-breaker of each item, see `Best.update`."""
        if self.size is None or self.goal is None:
            return scores, losses
        tie = torch.where(scores >= self.goal, self.size(variable), losses)
        return scores.clamp_max(self.goal), tie


def optimise(problem: Problem, plan: Plan) -> Attacking:
    """Run a plan on a batch; yield Progress after each step and return the Outcome.

    It takes steps + 1 forward passes and as many backward passes as steps (none if blind). With a
    transfer, a step takes a forward and a backward pass for each of its copies, and one more
    forward pass if the image itself is not among them.
    If the model can be quick, it is so until the last steps, or until it seems to be at the goal;
    the best image of these passes is then judged again, which takes one or two forward passes more;
    of a run that goes on beyond its goal, so is the first at the goal.
    Closing the generator stops it before the next pass. Between checks, this loop copies nothing
    from the device.
    """
    try:
        return (yield from _Loop(problem, plan).run())
    finally:
        if problem.quick is not None:
            problem.quick.on = False


class _Loop:
    """A run: the best of its passes, and of the quick ones among them while those last."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem, self.plan = problem, plan
        self.first = plan.start(0)
        self.best = Best.of(self.first, plan.newest)
        self.rough: Best | None = None
        # With a size, the quick pass of most success, until one at the goal is confirmed: the
        # smallest change may not hold.
        self.surest: Best | None = None
        # Of a quick start, up to four images are judged once more.
        self.curve = Curve((plan.steps + 5) * plan.restarts, problem.clean)
        self.every = STEPS_BETWEEN_CHECKS.get(problem.clean.device.type, 10)
        self.taken = 0

    def run(self) -> Attacking:
        plan = self.plan
        for restart in range(plan.restarts):
            before = replace(self.best)
            yield from self._start(plan.start(restart) if restart else self.first)
            if restart and plan.newest:
                self.best.keep(before)
            # With a size, a start goes on beyond the goal; the next one is for the other items.
            self.best.finish(plan.goal)
            if bool(self.best.done.all()):
                break
        best = self.best
        with torch.no_grad():
            adversarial = plan.apply(best.variable)
            fields = {} if plan.fields is None else plan.fields(best.variable)
        curve = self.curve.values()
        return Outcome(adversarial, best.moved, best.kept, self.taken, curve, fields)

    def _start(self, variable: Tensor) -> Generator[Progress, None, None]:
        """Run one start."""
        plan, rule, step = self.plan, self.plan.rule(), 0
        last = exact_from(plan.steps)
        self._hurry(variable, last)
        while True:
            if self.rough is not None and step == last and self._settle(step):
                return
            copies = (ITSELF,) if plan.transfer is None else plan.transfer.copies()
            # The graph of this pass is that of the first copy, if that is the image itself.
            leaf, losses, seen = self._pass(variable, step, graph=copies[0].same)
            checked = step % self.every == 0
            if step == plan.steps or (checked and bool(self._found().done.all())):
                del leaf, losses
                if self.rough is None or self._settle(step):
                    return
                # This step again, by the model at its best.
                continue
            gradient, seen = self._gradient(leaf, losses, seen, copies)
            # The graph holds the pass's activations: release it before the rule needs memory.
            del leaf, losses
            with torch.no_grad():
                given = gradient if plan.blind else plan.restrict(gradient)
                variable = rule(variable, given, seen)
            self.taken += 1
            step += 1
            if checked and self._sure() and not self._confirm(step):
                # What it has learnt is of a model that was wrong.
                rule = self.plan.rule()
            total = plan.steps * plan.restarts
            yield Progress(self.taken, total, seen.losses, self._found().score)

    def _sure(self) -> bool:
        """Return whether all items seem to be at the goal, and none was confirmed yet."""
        surest, goal = self.surest, self.plan.goal
        if self.rough is None or surest is None or goal is None:
            return False
        return bool((surest.score >= goal).all())

    def _confirm(self, step: int) -> bool:
        """Judge the surest quick pass by the model at its best; return whether it is at the goal.

        If so, a goal is there that what follows can't lose, and the model may stay quick.
        """
        surest, rough, quick = self.surest, self.rough, self.problem.quick
        assert surest is not None
        assert quick is not None
        quick.on, self.rough, self.surest = False, None, None
        with torch.no_grad():
            _, _, seen = self._pass(surest.variable, step)
        quick.compare(surest.score, seen.scores)
        if not bool((self.best.score >= (self.plan.goal or 0.0)).all()):
            return False
        quick.on, self.rough = True, rough
        return True

    def _hurry(self, variable: Tensor, last: int) -> None:
        """Let the model be quick until step `last`, if it can be."""
        if self.problem.quick is None or last <= 0:
            return
        self.problem.quick.on = True
        self.rough = Best.of(variable, self.best.newest)
        self.rough.done = self.best.done
        if self.plan.size is not None:
            self.surest = Best.of(variable)

    def _found(self) -> Best:
        """Return the best so far of the passes that count for one another."""
        return self.best if self.rough is None else self.rough

    def _gradient(
        self, leaf: Tensor, losses: Tensor, seen: Seen, copies: tuple[Copy, ...]
    ) -> tuple[Tensor, Seen]:
        """Return the gradient (N, ...) of a pass, and what a rule sees of it.

        With a transfer, both are means over the copies.
        """
        plan = self.plan
        if plan.blind:
            return leaf.new_empty(0), seen
        if plan.transfer is None:
            return torch.autograd.grad(losses.sum(), leaf)[0], seen

        def losses_of(copy: Copy, leaf: Tensor) -> Tensor:
            return plan.losses(plan.outputs(self.problem, leaf, seen.step, copy), leaf)

        gradient, losses = plan.transfer.gradient(leaf, losses, copies, losses_of)
        return gradient, replace(seen, losses=losses)

    def _pass(self, variable: Tensor, step: int, graph: bool = True) -> tuple[Tensor, Tensor, Seen]:
        """Run and judge a forward pass; return its variable as a leaf, losses, and score.

        Without `graph`, the losses have no gradient.
        """
        plan, best = self.plan, self._found()
        leaf = variable.detach().requires_grad_(graph and not plan.blind)
        outputs = plan.outputs(self.problem, leaf, step)
        losses = plan.losses(outputs, leaf)
        with torch.no_grad():
            moved, kept = outputs.shares()
            seen = Seen(step, losses.detach(), torch.minimum(moved, kept))
            best.update(variable, *plan.rank(variable, seen.scores, seen.losses), moved, kept)
            best.finish(plan.stops_at)
            if self.rough is not None and self.surest is not None:
                self.surest.update(variable, seen.scores, seen.losses, moved, kept)
            self.curve.add(seen.losses, best.score)
        return leaf, losses, seen

    def _settle(self, step: int) -> bool:
        """Judge the best of the quick passes by the model at its best; return whether that is all.

        From here on, the model is no longer quick.
        """
        rough, quick = self.rough, self.problem.quick
        assert rough is not None
        assert quick is not None
        quick.on, self.rough = False, None
        with torch.no_grad():
            _, _, seen = self._pass(rough.variable, step)
            quick.compare(rough.score, seen.scores)
            surest, self.surest, goal = self.surest, None, self.plan.goal
            if surest is not None and goal is not None and bool((self.best.score < goal).any()):
                self._pass(surest.variable, step)
        return bool(self.best.done.all())


def exact_from(steps: int) -> int:
    """Return the step from which a model that can be quick is at its best.

    These are the last tenth of the steps, at least two: the shortest ones, near the goal.
    """
    return steps - max(2, math.ceil(steps * LAST_SHARE))
