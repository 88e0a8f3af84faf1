"""The training of a generator and its critic on images, after Chen 2019."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor
from torch.optim import RMSprop

from ...errors import SegadvError
from ..balls import Ball
from ..losses import Outputs
from ..problem import Problem
from .critic import Critic
from .fields import Synthesis
from .losses import mean_square, structures_cross_entropy
from .recipe import Recipe
from .synthesiser import Synthesiser


@dataclass(frozen=True)
class Step:
    """Progress of a training after a step.

    Attributes:
        step, steps: steps done, and steps in all.
        epoch: completed passes over the images.
        loss: of the generator.
        cross_entropy: mean over the structures; it should become xi.
        change: mean |I_DV - I| in standard deviations of the training images (the paper's p).
    """

    step: int
    steps: int
    epoch: int
    loss: float
    cross_entropy: float
    change: float

    def __str__(self) -> str:
        return f"cross-entropy {self.cross_entropy:.3g}, change {self.change:.3g}"


@dataclass(eq=False)
class Training:
    """A generator and a critic in training, with their progress.

    Attributes:
        synthesiser: holds the generator.
        critic: with as many levels as the images allow.
        recipe: how they are trained.
        epoch: completed passes over the images.
    """

    synthesiser: Synthesiser
    critic: Critic
    recipe: Recipe
    epoch: int = 0
    history: list[tuple[float, float, float]] = field(default_factory=list)

    @cached_property
    def optimisers(self) -> dict[str, RMSprop]:
        """The optimisers of the generator and the critic."""
        recipe = self.recipe
        return {
            name: RMSprop(
                network.parameters(), lr=recipe.rate, alpha=recipe.decay, eps=recipe.damping
            )
            for name, network in (
                ("generator", self.synthesiser.network),
                ("critic", self.critic),
            )
        }

    def run(self, problems: Sequence[Problem]) -> Iterator[Step]:
        """Continue to the recipe's last epoch and yield after each step; closing stops it.

        Args:
            problems: one image each, untargeted. Images of one shape share batches.
        """
        made = [Synthesis(whole_range(problem)) for problem in problems]
        each = sum(1 for _ in batches(problems, self.recipe, 0))
        self.synthesiser.network.train()
        for epoch in range(self.epoch, self.recipe.epochs):
            figures = []
            for number, batch in enumerate(batches(problems, self.recipe, epoch)):
                done = epoch * each + number
                figures.append(self.step([made[i] for i in batch], done))
                complete = epoch + (number == each - 1)
                if complete > epoch:
                    self.epoch = complete
                    columns = zip(*figures, strict=True)
                    self.history.append(tuple(sum(c) / len(figures) for c in columns))
                yield Step(done + 1, each * self.recipe.epochs, complete, *figures[-1])

    def step(self, made: Sequence[Synthesis], number: int) -> tuple[float, float, float]:
        """Train the critic and the generator by a step; return loss, cross-entropy and change."""
        recipe, synthesiser = self.recipe, self.synthesiser
        rng = seeded(recipe.seed, number)
        clean = torch.cat([one.ball.problem.clean for one in made])
        codes = synthesiser.codes(clean)
        d, v = synthesiser.fields(clean, codes, synthesiser.noise(clean, rng))
        images = torch.cat(
            [
                one(*(None if f is None else f[i : i + 1] for f in (d, v)))
                for i, one in enumerate(made)
            ]
        )
        real, fake = (synthesiser.scale(synthesiser.flat(x)) for x in (clean, images))
        self._update_critic(real, fake.detach())
        entropies, gradient = self._victim_gradient([one.ball.problem for one in made], images)
        # Its value is 0 and its gradient is that of the victim's loss.
        pull = ((images - images.detach()) * gradient).sum()
        loss = (recipe.xi - entropies).square().mean() + pull
        loss = loss - recipe.realism * self.critic(fake).mean()
        if d is not None:
            loss = loss + recipe.displacement_penalty * mean_square(d).mean()
        if v is not None:
            unit = synthesiser.scale.spread
            loss = loss + recipe.intensity_penalty * mean_square(v / unit).mean()
        if recipe.divergence:
            loss = loss + recipe.divergence * sum(divergence(*code) for code in codes)
        if not bool(loss.isfinite()):
            raise SegadvError(
                "the training has reached NaN or infinity; train again with a lower rate or "
                "smaller penalty weights"
            )
        self._update("generator", loss)
        change = (images - clean).abs().mean() / synthesiser.scale.spread
        return float(loss.detach()), float(entropies.mean()), float(change.detach())

    def _victim_gradient(
        self, problems: Sequence[Problem], images: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return cross-entropies (N,) and the gradient of the mean (xi - CE)^2 (N, C, *S).

        The images run one at a time, so the memory is that of one pass through the victim.
        """
        entropies, gradients = [], []
        for image, problem in zip(images.detach().split(1), problems, strict=True):
            leaf = image.requires_grad_()
            entropy = structures_cross_entropy(Outputs(problem.model(leaf), problem))
            loss = (self.recipe.xi - entropy).square().sum() / len(images)
            gradients += torch.autograd.grad(loss, leaf)
            entropies.append(entropy.detach())
        return torch.cat(entropies), torch.cat(gradients)

    def _update_critic(self, real: Tensor, fake: Tensor) -> None:
        """Ascend disc(I) - disc(I_DV) by a step."""
        self._update("critic", (self.critic(fake) - self.critic(real)).mean())
        self.critic.clip(self.recipe.clip)

    def _update(self, name: str, loss: Tensor) -> None:
        optimiser = self.optimisers[name]
        optimiser.zero_grad()
        weights = optimiser.param_groups[0]["params"]
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = gradient
        optimiser.step()


def seeded(seed: int, number: int) -> torch.Generator:
    """Return a random generator for a step or an epoch, so that resuming needs no state."""
    return torch.Generator().manual_seed((seed * 1_000_003 + number) % 2**63)


def whole_range(problem: Problem) -> Ball:
    """Return a ball that limits images to the bounds on their intensities and to nothing else."""
    return Ball(problem, "linf", problem.clean.new_full((len(problem),), problem.width))


def batches(problems: Sequence[Problem], recipe: Recipe, epoch: int) -> Iterator[list[int]]:
    """Yield the indices of each step's images in an epoch: of one shape each, in random order."""
    rng = seeded(recipe.seed, epoch)
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index in torch.randperm(len(problems), generator=rng).tolist():
        by_shape.setdefault(tuple(problems[index].clean.shape), []).append(index)
    for alike in by_shape.values():
        # Batches of nearly equal size: batch norm learns nothing from a single image.
        for part in torch.tensor(alike).tensor_split(math.ceil(len(alike) / recipe.batch)):
            yield part.tolist()


def divergence(mean: Tensor, sigma: Tensor) -> Tensor:
    """Return the mean over a code's cells of KL(N(mean, sigma^2) || N(0, 1)), in nats."""
    return 0.5 * (mean.square() + sigma.square() - 2 * sigma.log() - 1).mean()
