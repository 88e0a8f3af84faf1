"""A request: what a victim should predict on an image, and where the image may change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from .. import io
from ..attacks import Attack, available
from ..attacks.regions import RECEPTIVE_FIELD, is_named
from ..data.channels import Chosen, shares_of
from ..data.scan import Array, Mask, Scan
from ..errors import SegadvError
from ..victims.prediction import Prediction
from ..victims.victim import Victim

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """What a victim should predict on an image, and where the image may change.

    Every mask is on the image's grid.

    Attributes:
        scan: the image.
        target: what the victim should predict; None: anything but the truth.
        truth: the correct labels; None: what the victim predicts on the clean image.
        region: where the perturbation may live: a mask, or the name of a region that is measured
            (see `attacks.regions`); None: everywhere.
        care: which pixels count; None: all.
        slices: the first and the last slice of a volume, from 0; the noise lives only in these,
            and only their pixels count; None: all slices.
        shares: of the budget, for each channel of an image of several, from 0 (it does not change)
            to 1; empty: 1 for all.

    Raises:
        SegadvError: if a region or care mask is empty, or the image does not have these slices.
    """

    scan: Scan
    target: Prediction | None = None
    truth: Prediction | None = None
    region: Mask | str | None = None
    care: Mask | None = None
    slices: tuple[int, int] | None = None
    shares: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        self._check_slices()
        for name, mask in (("region", self.region), ("care mask", self.care)):
            if isinstance(mask, Mask) and not np.any(mask.array):
                raise SegadvError(f"{mask.path or name}: the {name} is empty; mark some pixels")

    @classmethod
    def of(
        cls,
        scan: Scan,
        victim: Victim,
        *,
        target: Any = None,
        truth: Any = None,
        region: Mask | Array | str | Path | None = None,
        care: Mask | Array | str | Path | None = None,
        slices: tuple[int, int] | None = None,
        channels: Chosen | None = None,
    ) -> "Request":
        """Make a request from what a user gave: files, arrays, names of classes.

        Raises:
            SegadvError: if one of these is invalid or does not fit the scan.
        """

        def labels_from(given: Any, role: str) -> Prediction | None:
            return None if given is None else victim.task.wanted(given, role, scan, victim)

        def mask_from(given: Any, role: str) -> Mask | None:
            return None if given is None else io.mask_for(given, scan, role)

        return cls(
            scan,
            labels_from(target, "target"),
            labels_from(truth, "truth"),
            region if is_named(region) else mask_from(region, "region"),
            mask_from(care, "care mask"),
            slices,
            shares_of(channels, scan, victim.channel_names),
        )

    def _check_slices(self) -> None:
        if self.slices is None:
            return
        (first, last), grid = self.slices, self.scan.grid
        if grid.ndim != 3:
            raise SegadvError(f"{self.scan.name}: is a single image; remove --slices")
        if not 0 <= first <= last < grid.shape[0]:
            raise SegadvError(
                f"slices {first} to {last}: {self.scan.name} has slices 0 to {grid.shape[0] - 1}"
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """What reading the masks has found that the user has to know."""
        masks = (self.target, self.truth, self.region, self.care)
        notes = [note for mask in masks if isinstance(mask, Mask) for note in mask.notes]
        return tuple(dict.fromkeys(notes))

    @property
    def limited(self) -> bool:
        """Whether parts of the image are certain not to change."""
        return self.region is not None or self.slices is not None

    def within(self, mask: Mask | None) -> Mask | None:
        """Cut a mask (None: all pixels) to the chosen slices; without any, return it unchanged."""
        if self.slices is None:
            return mask
        first, last = self.slices
        array = np.zeros(self.scan.grid.shape, np.uint8)
        array[first : last + 1] = 1 if mask is None else mask.array[first : last + 1] != 0
        if not array.any():
            raise SegadvError(
                f"slices {first} to {last}: the mask marks no pixel in them; choose other slices"
            )
        return Mask(array, self.scan.grid)

    def part(self, image: T) -> T:
        """Cut an image or a mask to the chosen slices alone; without any, return it unchanged."""
        if self.slices is None or not isinstance(image, (Scan, Mask)):
            return image
        if isinstance(image, Scan) and image.parts:
            parts = Scan.of_parts([self.part(one) for one in image.parts])
            return replace(image, array=parts.array, grid=parts.grid, parts=parts.parts)
        first, last = self.slices
        array, grid = image.array[first : last + 1], image.grid
        origin = grid.affine @ [first, *[0] * (grid.ndim - 1), 1]
        shape = (len(array), *grid.shape[1:])
        placed = replace(grid, shape=shape, origin=tuple(map(float, origin[: grid.ndim])))
        return replace(image, array=array, grid=placed)

    @cached_property
    def counted(self) -> Mask | None:
        """The pixels that count; None: all."""
        return self.within(self.care)

    def fitted(self, victim: Victim, clean: Prediction) -> "Request":
        """Return the request with target and truth on the cells of the clean prediction."""
        target, truth = (
            None if labels is None else victim.task.fitted(labels, clean)
            for labels in (self.target, self.truth)
        )
        return replace(self, target=target, truth=truth)


def check_tasks(attack: Attack, victim: Victim, surrogates: Sequence[Victim]) -> None:
    """Raise SegadvError if an attack, a victim and its surrogates are for different tasks."""
    task = victim.task.name
    if not victim.task.suits(attack.tasks):
        fit = ", ".join(n for n, known in available().items() if victim.task.suits(known.tasks))
        raise SegadvError(
            f"method {attack.name}: is for {' and '.join(attack.tasks)}, but {victim.name} does "
            f"{task}; use {fit or 'another model'}"
        )
    for surrogate in surrogates:
        if surrogate.task.name != task:
            raise SegadvError(
                f"{surrogate.name}: does {surrogate.task.name}, but the model does {task}; use a "
                "surrogate for the same task"
            )


def suited(
    attack: Attack, request: Request, victim: Victim, surrogates: Sequence[Victim]
) -> Attack:
    """Return an attack as it suits what it attacks, which may give masks alone.

    Raises:
        SegadvError: if the attack or the region needs a gradient, and there is none.
    """
    attacked = surrogates or (victim,)
    measured = isinstance(request.region, str) and request.region.startswith(RECEPTIVE_FIELD)
    if measured or not attack.blind:
        for one in attacked:
            one.require_gradient()
    return attack if all(one.binding.differentiable for one in attacked) else attack.for_masks()
