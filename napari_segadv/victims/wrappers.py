"""Models that wrap others: one rounds as the file does, one is watched, one averages several."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from ..attacks.problem import Model
from ..common.tensors import applied
from ..common.wording import in_percent
from ..errors import SegadvError
from .bound import BoundVictim
from .windows import Passes

# Called with images (N, C, *S) and their logits (N, K, *S'), both detached.
Watch = Callable[[Tensor, Tensor], None]


class _Round(torch.autograd.Function):
    """Rounds the noise to whole steps of the file; the gradient passes straight through."""

    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        clean: Tensor,
        quantum: float | Tensor,
        inside: "Callable[[Tensor, Tensor], Tensor] | None",
    ) -> Tensor:
        if isinstance(quantum, Tensor):
            whole = (images - clean).div_(torch.where(quantum > 0, quantum, 1.0)).round_()
            rounded = torch.where(quantum > 0, whole.mul_(quantum).add_(clean), images)
        else:
            rounded = (images - clean).div_(quantum).round_().mul_(quantum).add_(clean)
        return rounded if inside is None else inside(images, rounded)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        return grads[0], None, None, None


class Rounded:
    """A model that sees each image as it will be saved, not as it is given.

    A goal that an attack only just reaches is then still reached in the file. The derivative of
    the rounding is taken as 1 (straight-through estimator, Bengio 2013, arXiv 1308.3432).
    """

    def __init__(self, model: Model, clean: Tensor, quantum: float | Tensor) -> None:
        """Wrap a model.

        Args:
            model: the model.
            clean: images (N, C, *S), which the file holds exactly.
            quantum: the size of a step in the file, in the image's units; of several channels,
                a tensor (1, C, ...) with that of each, 0 for one that is not rounded.
        """
        self.model, self.clean, self.quantum = model, clean, quantum
        # Corrects rounded images that are out of the budget, from the images and these.
        self.inside: Callable[[Tensor, Tensor], Tensor] | None = None

    def __call__(self, images: Tensor, /) -> Tensor:
        return self.model(applied(_Round, images, self.clean, self.quantum, self.inside))


class _Finite(torch.autograd.Function):
    """Passes images on; takes a gradient that is not finite for 0, and counts it."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, checked: "Checked") -> Tensor:
        ctx.checked = checked
        return images.view_as(images)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.checked.finite(grads[0]), None


class Checked:
    """A model whose outputs and gradients are looked at while an attack uses it.

    A gradient that is NaN or infinite is taken for 0 at that pixel: elsewhere it may be right.
    """

    def __init__(self, model: Model, name: str) -> None:
        self.model, self.name = model, name
        # On the device, so that a look costs no wait for it.
        self._broken: Tensor | None = None
        self._flat: Tensor | None = None
        self._lost: Tensor | None = None

    def __call__(self, images: Tensor, /) -> Tensor:
        logits = self.model(applied(_Finite, images, self))
        lost = ~torch.isfinite(logits.detach().sum())
        self._lost = lost if self._lost is None else self._lost | lost
        if images.device.type == "cpu":
            self.check()
        return logits

    def finite(self, gradient: Tensor) -> Tensor:
        """Return a gradient with 0 in place of NaN and infinity; note how much of it that is."""
        share = (~torch.isfinite(gradient)).float().mean()
        self._broken = share if self._broken is None else torch.maximum(self._broken, share)
        gradient = torch.nan_to_num(gradient, 0.0, 0.0, 0.0)
        if self._flat is None:
            self._flat = ~gradient.any()
        return gradient

    def check(self) -> None:
        """Raise SegadvError if the model has predicted NaN or infinity."""
        if self._lost is not None and bool(self._lost):
            raise SegadvError(
                f"{self.name}: predicts NaN or infinity for a changed image; check its weights and "
                "its preprocessing"
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about the gradients so far."""
        found = []
        broken = 0.0 if self._broken is None else float(self._broken)
        if broken:
            found.append(
                f"the gradient of {self.name} was NaN or infinite at up to "
                f"{in_percent(broken, 2)} of the pixels, where it was taken for 0"
            )
        if self._flat is not None and bool(self._flat):
            found.append(
                f"the gradient of {self.name} was 0 everywhere at the first step: its last step is "
                "saturated or cuts values off, so attacks that follow the gradient stand still"
            )
        return tuple(found)


class Watched:
    """A model that calls `watch` after each pass."""

    def __init__(self, model: Model, watch: Watch) -> None:
        self.model, self.watch = model, watch

    def __call__(self, images: Tensor, /) -> Tensor:
        logits = self.model(images)
        self.watch(images.detach(), logits.detach())
        return logits


class Ensemble:
    """Models whose logits are averaged (Dong 2018, arXiv 1710.06081, eq. 9, equal weights).

    A perturbation that fools several networks at once is more likely to fool an unknown one.

    Attributes:
        models: at least one, on the same scan and device, with the same classes.
        image, device: of the first model.
    """

    def __init__(self, models: Sequence[BoundVictim]) -> None:
        self.models = tuple(models)
        first = self.models[0]
        self.image, self.device = first.image, first.device

    def __call__(self, images: Tensor) -> Tensor:
        """Return the mean logits (N, K, *S') of images (N, C, *S)."""
        total = reduce(torch.add, (model(images) for model in self.models))
        return total / len(self.models)

    @property
    def name(self) -> str:
        """The names of all models."""
        return ", ".join(model.name for model in self.models)

    @property
    def passes(self) -> Passes:
        """The work of all models."""
        return Passes(
            forward=sum(model.passes.forward for model in self.models),
            backward=sum(model.passes.backward for model in self.models),
        )
