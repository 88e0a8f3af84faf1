"""What an attack is given, what it reports while it runs, and what it returns: tensors only."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor

from ..common.tensors import per_item
from ..common.wording import in_percent
from .visible import visible_weights


class Model(Protocol):
    """A victim as an attack sees it: a differentiable map from images to class logits.

    Called with (N, C, *S) float32 intensities in the image's units, it returns logits
    (N, K, *S) on the same pixels. Sliding windows, preprocessing and precision are hidden in it.
    """

    def __call__(self, images: Tensor, /) -> Tensor: ...


class Answers(Protocol):
    """The logits of one pass as a problem looks at them, see `losses.Outputs`."""

    @property
    def logits(self) -> Tensor:
        """Class logits (N, K, *S)."""

    @property
    def hits(self) -> Tensor:
        """(N, *S) bool: pixels at the target, or off the truth if untargeted."""


class Quick(Protocol):
    """A switch that lets a model be quick: fewer digits, and answers that are nearly right.

    What it answers meanwhile may guide steps, but decides nothing.
    """

    on: bool

    def compare(self, rough: Tensor, exact: Tensor) -> None:
        """Be told the success (N,) of the same images when it was on, and when it was off."""


class FieldGenerator(Protocol):
    """A trained network that draws displacement and intensity fields, as an attack sees it."""

    @property
    def xi(self) -> float:
        """The mean cross-entropy that it was trained to reach."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What it was trained for and on, as plain data."""

    def check(self, images: Tensor) -> None:
        """Raise SegadvError if images (N, C, *S) are not of the kind it was trained on."""

    def to(self, device: torch.device) -> "FieldGenerator":
        """Return the same generator with its network on a device."""

    def codes(self, images: Tensor) -> Sequence[tuple[Tensor, Tensor]]:
        """Return mean and sigma of the latent codes of images (N, C, *S)."""

    def noise(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Draw standard normal noise (N, parts, latent, *) for images (N, C, *S)."""

    def fields(
        self, images: Tensor, codes: Sequence[tuple[Tensor, Tensor]], noise: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        """Make D (N, dims, *S) in pixels and V (N, C, *S) in the image's units; None if unused."""


@dataclass(frozen=True)
class Problem:
    """A batch of N images to attack, each a separate item.

    Attributes:
        model: the victim.
        clean: images (N, C, *S), float32, in the image's units.
        labels: class numbers (N, *S), int64: the target, or the truth if untargeted.
        reference: the victim's clean prediction (N, *S), int64.
        targeted: True: towards `labels`; False: away from them.
        low, high: bounds on intensities, or a tensor (1, C, ...) of those of each channel. A pixel
            that already lies outside may stay.
        window: width of the intensity window that the victim sees, in the image's units.
        widths: of several channels whose windows differ in these units, the width of each, a tensor
            (1, C, ...); None: `window` is that of all.
        region: (N, 1, *S) or (N, C, *S) bool, where the perturbation may be; None: everywhere.
        care: weights (N, *S) of the pixels that count; None: all count equally.
        trained: the loaded generator; the parameter that `Attack.loads` names is its folder.
        decide: turns logits (N, K, *S) into the classes (N, *S) that the victim predicts; None: the
            likeliest ones.
        quick: makes the model quick for the steps before the last ones; None: it can't be.
        black: the intensity that the window begins at, or a tensor (1, C, ...) of those of each
            channel.
        of_copies: the model for copies of the images, such as resized ones: it neither rounds them
            as the file will, nor is watched. None: `model`.
        spacing: distances of the pixels along each axis S; empty: all are equal.
    """

    model: Model
    clean: Tensor
    labels: Tensor
    reference: Tensor
    targeted: bool = True
    low: float | Tensor = 0.0
    high: float | Tensor = 255.0
    window: float = 255.0
    region: Tensor | None = None
    care: Tensor | None = None
    trained: FieldGenerator | None = None
    decide: Callable[[Tensor], Tensor] | None = None
    quick: Quick | None = None
    black: float | Tensor = 0.0
    of_copies: Model | None = None
    spacing: tuple[float, ...] = ()
    widths: Tensor | None = None

    def __len__(self) -> int:
        return len(self.clean)

    @property
    def span(self) -> float | Tensor:
        """The width of the window in which each channel is seen, as it broadcasts over images."""
        return self.window if self.widths is None else self.widths

    @property
    def width(self) -> float:
        """The distance between the bounds; of several channels, the largest."""
        return float(torch.as_tensor(self.high - self.low).max())

    @cached_property
    def weights(self) -> Tensor:
        """Share of each pixel in a mean over the care pixels: (N, *S) or a scalar."""
        if self.care is None:
            return self.clean.new_tensor(1.0 / self.labels[0].numel())
        care = self.care.to(self.clean)
        return care / per_item(care.flatten(1).sum(1).clamp_min(1e-12), care)

    @cached_property
    def counted(self) -> Tensor:
        """Whether each pixel counts (N, pixels), bool."""
        if self.care is None:
            return torch.ones_like(self.labels, dtype=torch.bool).flatten(1)
        return self.care.flatten(1) > 0

    @cached_property
    def balanced(self) -> Tensor:
        """Weights (N, *S), of sum 1, that are equal in sum for each class that `labels` has."""
        labels, counted = self.labels.flatten(1), self.counted
        counts = labels.new_zeros(len(self), int(labels.max()) + 1)
        counts.scatter_add_(1, labels, counted.long())
        classes = (counts > 0).sum(1, keepdim=True).clamp_min(1)
        weights = counted.to(self.clean) / (counts.gather(1, labels).clamp_min(1) * classes)
        return weights.view_as(self.labels)

    @cached_property
    def visible(self) -> Tensor:
        """Roots (N, C, *S) of the weights of a pixel's squared change in the norm "visible"."""
        return visible_weights(self.clean, self.span).sqrt_()

    @cached_property
    def moving(self) -> Tensor:
        """Pixels (N, *S) that must change class: off target, or on a structure if untargeted."""
        off = self.labels != self.reference if self.targeted else self.labels != 0
        return off if self.care is None else off & (self.care > 0)

    @cached_property
    def keeping(self) -> Tensor:
        """Pixels (N, *S) that must keep their class, background too; none if untargeted."""
        if not self.targeted:
            return torch.zeros_like(self.moving)
        still = self.labels == self.reference
        return still if self.care is None else still & (self.care > 0)

    @cached_property
    def structures(self) -> Tensor:
        """Number (N,) of pixels on a structure in `labels` or `reference`: the scale of `kept`."""
        on = (self.labels != 0) | (self.reference != 0)
        return (on if self.care is None else on & (self.care > 0)).flatten(1).sum(1)

    def shares(self, answers: Answers) -> tuple[Tensor, Tensor]:
        """Return `moved` and `kept` of a pass, each (N,); 1 if there is nothing to move or keep.

        They are those of the task's measures, such as `measures.labels.moved_and_kept`.
        """
        hits = answers.hits
        there = (hits & self.moving).flatten(1).sum(1)
        moved = torch.where(self.movers > 0, there / self.movers.clamp_min(1), 1.0)
        lost = (~hits & self.keeping).flatten(1).sum(1)
        return moved, (1 - lost / self.structures.clamp_min(1)).clamp_min(0)

    def predicted(self, logits: Tensor) -> Tensor:
        """Return the classes (N, *S) that the victim predicts, from logits (N, K, *S)."""
        return logits.argmax(1) if self.decide is None else self.decide(logits)

    def dice(self, found: Tensor) -> Tensor:
        """Return the mean Dice (N,), in float64, of predicted classes (N, *S) with `labels`.

        The mean is over the structures that `labels` has where pixels count; 1 if it has none. It
        is that of the task's measures, such as `dice_with_truth` of `measures.labels.overlaps`.
        """
        size = int(torch.maximum(self.labels, found).max()) + 1
        pairs = (self.labels * size + found).flatten(1)
        counts = pairs.new_zeros(len(self), size * size)
        counts.scatter_add_(1, pairs, self.counted.long())
        counts = counts.view(-1, size, size)
        asked, hit = counts.sum(2), counts.diagonal(dim1=1, dim2=2)
        each = 2 * hit.double() / (asked + counts.sum(1)).clamp_min(1)
        return mean_of(each[:, 1:], asked[:, 1:] > 0)

    def only(self, items: Tensor) -> "Problem":
        """Return the problem of some items, given by their numbers (M,)."""
        parts = {name: getattr(self, name) for name in ("clean", "labels", "reference")}
        for name in ("region", "care"):
            if getattr(self, name) is not None:
                parts[name] = getattr(self, name)
        return replace(self, **{name: tensor[items] for name, tensor in parts.items()})

    def soft_maps(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return maps (N, M, *S) of probabilities, what they should be, and which count (N, M).

        They are those of the classes. The background counts only if a structure is erased: such a
        target says nothing but "background" there.
        """
        found = logits.softmax(1)
        target = torch.zeros_like(found).scatter_(1, self.labels.unsqueeze(1), 1.0)
        counted = torch.ones(found.shape[:2], dtype=torch.bool, device=found.device)
        counted[:, 0] = self.erases
        return found, target, counted

    @cached_property
    def movers(self) -> Tensor:
        """Number (N,) of pixels in `moving`."""
        return self.moving.flatten(1).sum(1)

    @cached_property
    def asks(self) -> bool:
        """False if a target asks for nothing: where it counts, it is what the victim predicts."""
        asked = self.labels != self.reference
        return bool((asked if self.care is None else asked & (self.care > 0)).any())

    @cached_property
    def erases(self) -> Tensor:
        """Whether the target (N,) has background where the clean prediction has a structure."""
        erased = (self.labels == 0) & (self.reference != 0)
        return erased.flatten(1).any(1) & self.targeted


def mean_of(values: Tensor, there: Tensor) -> Tensor:
    """Return the mean (N,) of the values (N, M) that are there, (N, M) bool; 1 if none is."""
    total = torch.where(there, values, 0.0).sum(1)
    return torch.where(there.any(1), total / there.sum(1).clamp_min(1), 1.0)


@dataclass(frozen=True)
class Progress:
    """State after a step. Tensors stay on the device until a property is read."""

    step: int
    steps: int
    losses: Tensor
    successes: Tensor

    @property
    def loss(self) -> float:
        """Mean loss of the batch."""
        return float(self.losses.mean())

    @property
    def success(self) -> float:
        """Mean over the batch of the smaller of `moved` and `kept`, best so far."""
        return float(self.successes.mean())

    def __str__(self) -> str:
        return f"loss {self.loss:.4g}, success {in_percent(self.success, 1)}"


@dataclass(frozen=True)
class Outcome:
    """What an attack found: the best image of each item.

    Attributes:
        adversarial: (N, C, *S), in the image's units.
        moved, kept: (N,) shares at that image, see "Success" in docs/figures.md.
        steps: steps taken.
        curve: loss and success (best so far), mean of the batch, at each forward pass.
        fields: what the images were made with, if not with noise alone: "displacement"
            (N, dims, *S), in pixels along each axis of the array (the image at p takes what was
            at p + D(p)), and "intensity" (N, C, *S), in the image's units.
        details: what else `result.json` should say of the run, as plain data.
        notes: what the user should know of the run.
    """

    adversarial: Tensor
    moved: Tensor
    kept: Tensor
    steps: int
    curve: tuple[tuple[float, float], ...]
    fields: Mapping[str, Tensor] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


Attacking = Generator[Progress, None, Outcome]
# Its earlier name.
Run = Attacking
