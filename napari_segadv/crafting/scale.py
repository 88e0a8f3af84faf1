"""Several channels on one scale: percent of each channel's window, in which the budget counts.

So one budget, step size and norm mean the same in every channel, and no attack has to know of
channels: what it moves is 100 x / window, and a model turns that back into each channel's units.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..attacks import Outcome, Problem
from ..attacks.problem import Model
from ..data.channels import Channel, in_percent
from ..data.scan import Array, Scan
from ..errors import SegadvError
from ..io.quantise import effective_epsilon, quantise


@dataclass(frozen=True)
class Scale:
    """What one percent of the budget's units is in each channel, and which may change.

    Attributes:
        units: (C,) of each channel, in its own units: of a percent of its share of the window.
        free: (C,) whether it may change.
        percents: (C,) of each channel, in its own units: a percent of its whole window.
    """

    units: tuple[float, ...]
    free: tuple[bool, ...]
    percents: tuple[float, ...]

    @classmethod
    def of(cls, channels: Sequence[Channel]) -> "Scale":
        """Return the scale of channels with windows and shares of the budget."""
        percents = tuple(one.percent for one in channels)
        units = tuple(one.percent * (one.share or 1.0) for one in channels)
        return cls(units, tuple(one.share > 0 for one in channels), percents)

    def limits(self, epsilon: float) -> tuple[float, ...]:
        """Return the largest change of each channel, in its own units, that a budget allows."""
        pairs = zip(self.units, self.free, strict=True)
        return tuple(epsilon * unit if free else 0.0 for unit, free in pairs)

    def whole_steps(self, scan: Scan, epsilon: float) -> "Scale":
        """Return the scale on which a Linf budget is whole steps of each channel's file.

        A channel whose budget is below one step does not change.
        """
        whole = [
            effective_epsilon(limit, part.storage)
            for limit, part in zip(self.limits(epsilon), scan.parts, strict=True)
        ]
        if not any(whole):
            return self
        units = tuple(w / epsilon if w else u for w, u in zip(whole, self.units, strict=True))
        return Scale(units, tuple(w > 0 for w in whole), self.percents)

    def widths(self, like: Tensor) -> Tensor | None:
        """Return the width (1, C, ...) of each channel's window on this scale; None: all are 100.

        That of a channel with half of the budget is 200: a change of one budget is half of what it
        is in the others, on the same background.
        """
        if self.units == self.percents:
            return None
        pairs = zip(self.percents, self.units, strict=True)
        return along_channels([100 * percent / unit for percent, unit in pairs], like)


class InPercent:
    """A model of images on a scale, made from a model of images in the channels' own units."""

    def __init__(self, model: Model, clean: Tensor, scale: Scale) -> None:
        """Wrap a model.

        Args:
            model: takes images (N, C, *S), each channel in its own units.
            clean: such an image, (1, C, *S).
            scale: the scale.
        """
        self.model, self.clean = model, clean
        self.units = along_channels(scale.units, clean)
        self.percent = clean / self.units

    def __call__(self, images: Tensor, /) -> Tensor:
        return self.model(self.own(images))

    def own(self, images: Tensor) -> Tensor:
        """Return images on the scale in the channels' own units; what is clean stays exactly so."""
        return self.clean + (images - self.percent) * self.units


def along_channels(values: Sequence[float], like: Tensor) -> Tensor:
    """Return one value a channel, shaped to broadcast over images (N, C, *S)."""
    return like.new_tensor(values).view(1, -1, *(1,) * (like.ndim - 2))


def steps_of_files(scan: Scan, clean: Tensor) -> float | Tensor | None:
    """Return the size of a step in an image's file, of several channels in each channel's file.

    None if no file holds whole numbers.
    """
    if not scan.parts:
        return scan.storage.quantum or None
    steps = [part.storage.quantum for part in scan.parts]
    return along_channels(steps, clean) if any(steps) else None


def on_scale(problem: Problem, scan: Scan, scale: Scale) -> Problem:
    """Return a problem in the channels' own units as one on a scale, whose window is 100."""
    model = InPercent(problem.model, problem.clean, scale)
    low, high = (
        along_channels([part.bounds[end] for part in scan.parts], problem.clean) / model.units
        for end in (0, 1)
    )
    of_copies = problem.of_copies and InPercent(problem.of_copies, problem.clean, scale)
    changed = replace(
        problem,
        model=model,
        clean=model.percent,
        low=low,
        high=high,
        window=100.0,
        widths=scale.widths(problem.clean),
        black=problem.black / model.units,
        of_copies=of_copies,
    )
    return limited(changed, scale)


def limited(problem: Problem, scale: Scale) -> Problem:
    """Return a problem whose region leaves out the channels that do not change."""
    if all(scale.free):
        return problem
    free = along_channels(scale.free, problem.clean).bool()
    shape = (len(problem), *problem.clean.shape[1:])
    whole = torch.ones(shape, dtype=torch.bool, device=free.device)
    return replace(problem, region=(whole if problem.region is None else problem.region) & free)


def in_units_of_channels(change: Tensor, problem: Problem) -> Tensor:
    """Return a change of a problem's image in the channels' own units.

    Args:
        change: (1, C, *S), on the problem's scale.
        problem: a problem; of an image of one channel, the change stays as it is.
    """
    model = problem.model
    return change * model.units if isinstance(model, InPercent) else change


def in_own_units(outcome: Outcome, problem: Problem) -> Outcome:
    """Return what an attack found with its images and its shading in the channels' own units."""
    model = problem.model
    if not isinstance(model, InPercent):
        return outcome
    fields = {
        name: field * model.units if name == "intensity" else field
        for name, field in outcome.fields.items()
    }
    return replace(outcome, adversarial=model.own(outcome.adversarial), fields=fields)


def quantise_channels(
    scan: Scan,
    adversarial: Array,
    norm: str,
    epsilon: float,
    channels: Sequence[Channel],
    weights: Array | None = None,
) -> Scan:
    """Return the image nearest to `adversarial` that the files of its channels can hold.

    Args:
        scan: the clean scan, of several channels.
        adversarial: of its shape, each channel in its own units.
        norm: "linf", "l2" or "visible".
        epsilon: the budget, in percent of the channels' shares of their windows.
        channels: with windows and shares.
        weights: what each change is multiplied with before its square is taken, for "visible".

    Returns:
        The scan with other intensities, inside the budget: of one for the whole image, each
        channel keeps to the part of it that its change takes up.
    """
    scale = Scale.of(channels)
    limits = scale.limits(epsilon)
    if norm != "linf":
        noise = in_percent(adversarial - scan.array.astype(np.float64), channels)
        noise = noise if weights is None else noise * weights
        lengths = [
            float(np.linalg.norm(noise[..., n])) * one.percent / unit
            for n, (one, unit) in enumerate(zip(channels, scale.units, strict=True))
        ]
        total = float(np.linalg.norm(lengths)) or 1.0
        # A hair less: the squares of the parts must not sum up to more than the whole.
        limits = tuple(
            limit * length / total * (1 - 1e-12)
            for limit, length in zip(limits, lengths, strict=True)
        )
    stored = [
        replace(
            part,
            array=quantise(
                part,
                adversarial[..., n],
                norm,
                limit,
                None if weights is None else weights[..., n],
            ),
        )
        for n, (part, limit) in enumerate(zip(scan.parts, limits, strict=True))
    ]
    return Scan.of_parts(stored)


def refuse_generator(name: str, scan: Scan) -> None:
    """Refuse an attack whose generator was trained on images of one channel.

    Raises:
        SegadvError: if the image has several.
    """
    if scan.parts:
        raise SegadvError(
            f"method {name}: its generators are trained on images of one channel; {scan.name} has "
            f"{scan.channels}. Use another method"
        )
