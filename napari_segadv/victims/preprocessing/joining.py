"""Channels that a preprocessing joins: copies of one image, or several images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import SegadvError
from .chain import (
    CONCATENATES,
    BoundTransform,
    Space,
    Step,
    Transform,
    bind,
    tells_zero,
)
from .without_effect import Stored


@dataclass(frozen=True)
class Concatenated:
    """Images, each with steps of its own, joined along the channels.

    Attributes:
        branches: the steps of each image.
        sources: the channel of the scan that each branch begins with; (): all begin with the whole
            scan, as copies of one image.
        images: names of the scan's channels, if the images are several.
    """

    branches: tuple[tuple[Transform | Stored, ...], ...]
    sources: tuple[int, ...] = ()
    images: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return CONCATENATES

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The steps of each image, for records."""
        names = [self.images[source] for source in self.sources] or ["copy"] * len(self.branches)
        return {
            f"{name} {number}": [{"step": one.name, "arguments": one.arguments} for one in branch]
            for number, (name, branch) in enumerate(zip(names, self.branches, strict=True))
        }

    @property
    def _own_windows(self) -> list[tuple[float, float] | None]:
        first = [next((one for one in branch if one.rescales), None) for branch in self.branches]
        return [None if one is None else one.window for one in first]

    @property
    def window(self) -> tuple[float, float] | None:
        """The intensity window that at least one image lets through; None if one names none."""
        known = [window for window in self._own_windows if window is not None]
        if len(known) < len(self.branches):
            return None
        return min(low for low, _ in known), max(high for _, high in known)

    @property
    def windows(self) -> tuple[tuple[float, float] | None, ...] | None:
        """The same for each of several images; None for copies of one."""
        if not self.images:
            return None
        found: list[tuple[float, float] | None] = []
        for channel in range(len(self.images)):
            pairs = zip(self.sources, self._own_windows, strict=True)
            each = [window for source, window in pairs if source == channel]
            known = [window for window in each if window is not None]
            whole = len(known) == len(each) > 0
            found.append((min(a for a, _ in known), max(b for _, b in known)) if whole else None)
        return tuple(found)

    @property
    def rescales(self) -> bool:
        return any(one.rescales for branch in self.branches for one in branch)

    @property
    def tells_zero(self) -> bool:
        """Whether a step of an image depends on which pixels are exactly 0."""
        return any(tells_zero(one) for branch in self.branches for one in branch)

    def exactly(self) -> "Concatenated":
        """Return the same with MONAI's own values."""
        return replace(self, branches=tuple(tuple(s.exactly() for s in b) for b in self.branches))

    def _begins(self, x: Tensor, axis: int) -> Iterator[Tensor]:
        """Yield what each branch begins with; channels are along an axis."""
        for source in self.sources or [None] * len(self.branches):
            yield x if source is None else x.narrow(axis, source, 1)

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        """Fix the geometry on the grid of an image (C, *S); all branches must lead to the same.

        Raises:
            SegadvError: if they do not, or a step of one differs from MONAI's.
        """
        begins = zip(self.branches, self._begins(image, 0), strict=True)
        chains = [bind(branch, one, space) for branch, one in begins]
        after = chains[0].space
        if any(
            chain.space.shape != after.shape or not np.allclose(chain.space.affine, after.affine)
            for chain in chains
        ):
            raise SegadvError(
                f"preprocessing step {CONCATENATES} joins images of different grids; resample them "
                "to one"
            )

        def forward(x: Tensor) -> Tensor:
            pairs = zip(chains, self._begins(x, 1), strict=True)
            return torch.cat([chain.forward(one) for chain, one in pairs], dim=1)

        back = chains[0]
        one = BoundTransform(forward, back.backward, back.cuts, back.interpolates)
        return one, forward(image[None])[0], after


def joined_images(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the names of the images that steps join as channels; () for a single image."""
    found = (step.images for step in steps if isinstance(step, Concatenated))
    return next((images for images in found if images), ())
