"""What is asked of an image: what a victim shall predict on it, and where it may change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .. import io
from ..attacks import Attack, available
from ..attacks.regions import is_named
from ..data.scan import Array, Mask, Scan
from ..errors import SegadvError
from ..victims.prediction import Prediction
from ..victims.victim import Victim


@dataclass(frozen=True)
class Request:
    """What is asked of an image, every mask on its grid.

    Attributes:
        scan: the image.
        target: what the victim shall predict; None: something else than the truth.
        truth: what is right; None: what the victim predicts on the clean image.
        region: where the perturbation may live: a mask, or the name of a region that is measured
            (see `attacks.regions`); None: everywhere.
        care: which pixels count; None: all.
        slices: the first and the last slice of a volume, from 0; the noise lives in these alone,
            and their pixels alone count; None: all slices.

    Raises:
        SegadvError: if a region or care mask marks nothing, or there are no such slices.
    """

    scan: Scan
    target: Prediction | None = None
    truth: Prediction | None = None
    region: Mask | str | None = None
    care: Mask | None = None
    slices: tuple[int, int] | None = None

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
    ) -> "Request":
        """A request from what a user gave: files, arrays, names of classes.

        Raises:
            SegadvError: if something given can't be meant, or does not fit the scan.
        """

        def wanted(given: Any, role: str) -> Prediction | None:
            return None if given is None else victim.task.wanted(given, role, scan, victim)

        def mask(given: Any, role: str) -> Mask | None:
            return None if given is None else io.mask_for(given, scan, role)

        return cls(
            scan,
            wanted(target, "target"),
            wanted(truth, "truth"),
            region if is_named(region) else mask(region, "region"),
            mask(care, "care mask"),
            slices,
        )

    def _check_slices(self) -> None:
        if self.slices is None:
            return
        (first, last), grid = self.slices, self.scan.grid
        if grid.ndim != 3:
            raise SegadvError(f"{self.scan.name}: is a single image; leave the slices away")
        if not 0 <= first <= last < grid.shape[0]:
            raise SegadvError(
                f"slices {first} to {last}: {self.scan.name} has slices 0 to {grid.shape[0] - 1}"
            )

    @property
    def limited(self) -> bool:
        """Whether parts of the image are certain to stay as they are."""
        return self.region is not None or self.slices is not None

    def within(self, mask: Mask | None) -> Mask | None:
        """A mask, or all pixels, in the chosen slices; as it is if none are chosen."""
        if self.slices is None:
            return mask
        first, last = self.slices
        array = np.zeros(self.scan.grid.shape, np.uint8)
        array[first : last + 1] = 1 if mask is None else mask.array[first : last + 1] != 0
        if not array.any():
            raise SegadvError(f"slices {first} to {last}: the mask marks no pixel in them")
        return Mask(array, self.scan.grid)

    @cached_property
    def counted(self) -> Mask | None:
        """The pixels that count; None: all."""
        return self.within(self.care)

    def fitted(self, victim: Victim, clean: Prediction) -> "Request":
        """The same with target and truth as cells of the victim's clean prediction."""
        target, truth = (
            None if wanted is None else victim.task.fitted(wanted, clean)
            for wanted in (self.target, self.truth)
        )
        return replace(self, target=target, truth=truth)


def check_tasks(attack: Attack, victim: Victim, surrogates: Sequence[Victim]) -> None:
    """Raises SegadvError if an attack, a victim and its surrogates are for different tasks."""
    task = victim.task.name
    if task not in attack.tasks:
        fit = ", ".join(name for name, known in available().items() if task in known.tasks)
        raise SegadvError(
            f"method {attack.name}: is for {' and '.join(attack.tasks)}, but {victim.name} does "
            f"{task}; use {fit or 'another victim'}"
        )
    for surrogate in surrogates:
        if surrogate.task.name != task:
            raise SegadvError(
                f"{surrogate.name}: does {surrogate.task.name}, but the victim {task}; use a "
                "surrogate for the same task"
            )
