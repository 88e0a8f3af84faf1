"""Recipe: how a generator of fields is built and trained, and on which parts of the images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from ...common.parameters import IMAGE_UNITS, Param, check
from ...errors import SegadvError
from ..base import LARGEST
from .fields import Parts
from .networks import Layout

# Rough number of a code's cells along an image's longest side; control points: 4 times as many.
CELLS = 10
FEWEST_LEVELS, MOST_LEVELS = 3, 6
# Share of the control points' distance up to which no displacement folds in 3-D (Choi & Lee 2000).
FOLD_FREE = 0.4
# Share of the window that the victim sees.
INTENSITY_SHARE = 0.2


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The parameters of a training, with the defaults of Chen 2019 where the paper states them.

    The paper leaves open the networks' sizes, the codes' length, how the critic is constrained, the
    batch, the epochs and the fields' limits; it has no `divergence`.
    """

    parts: Annotated[Parts, Param("Fields to make")] = "both"
    xi: Annotated[
        float,
        Param("Mean cross-entropy to reach on the structures (1 to 3)", low=0.0, high=1000.0),
    ] = 2.0
    epochs: Annotated[int, Param("Passes over the images", low=1, high=100_000)] = 30
    batch: Annotated[int, Param("Images per step", low=1, high=1024)] = 4
    rate: Annotated[float, Param("Learning rate of both networks", low=0.0, high=1.0)] = 1e-4
    decay: Annotated[float, Param("Decay of RMSProp", low=0.0, high=1.0)] = 0.9
    damping: Annotated[float, Param("Epsilon of RMSProp", low=0.0, high=1.0)] = 1e-10
    displacement_penalty: Annotated[
        float, Param("Weight of the mean |D|^2 over pixels, D in pixels", low=0.0, high=1e6)
    ] = 0.1
    intensity_penalty: Annotated[
        float,
        Param(
            "Weight of the mean V^2 over pixels, V in standard deviations of the training images",
            low=0.0,
            high=1e6,
        ),
    ] = 0.01
    realism: Annotated[float, Param("Weight of the critic's term", low=0.0, high=1e6)] = 1.0
    divergence: Annotated[
        float,
        Param(
            "Weight of the codes' divergence from standard normal ones; keeps samples different",
            low=0.0,
            high=1e6,
        ),
    ] = 0.1
    clip: Annotated[
        float, Param("Largest magnitude of the critic's weights", low=1e-6, high=1e6)
    ] = 0.01
    displacement: Annotated[
        float | None,
        Param(
            "Largest displacement along each axis; none: 0.4 of the control points' distance, "
            "which never folds",
            low=0.0,
            high=10_000.0,
            unit="pixels",
        ),
    ] = None
    intensity: Annotated[
        float | None,
        Param(
            "Largest value of the intensity field; none: 20 % of the model's window",
            low=0.0,
            high=LARGEST,
            unit=IMAGE_UNITS,
        ),
    ] = None
    width: Annotated[int, Param("Channels of the first level", low=1, high=256)] = 16
    latent: Annotated[int, Param("Channels of each code", low=1, high=256)] = 8
    pieces: Annotated[
        int, Param("Largest number of slices or patches per volume", low=1, high=10_000)
    ] = 12
    patch: Annotated[
        tuple[int, ...],
        Param("Patch size for training a 3-D generator; empty: whole volumes", low=1),
    ] = ()
    seed: Annotated[int, Param("Seed of all random numbers", low=0, high=2**63 - 1)] = 0

    def __post_init__(self) -> None:
        check(self)
        if self.patch and len(self.patch) != 3:
            raise SegadvError(f"patch={self.patch}: give three sizes, Z,Y,X")

    def layout(self, dims: int, channels: int, size: Sequence[int]) -> Layout:
        """Return the sizes of the networks for images of a size."""
        levels = round(math.log2(max(size) / CELLS))
        levels = min(max(levels, FEWEST_LEVELS), MOST_LEVELS)
        return Layout(
            dims=dims,
            channels=channels,
            parts=self.parts,
            width=self.width,
            levels=levels,
            latent=self.latent,
        )

    def limits(self, layout: Layout, window: float) -> tuple[float, float]:
        """Return the largest displacement, in pixels, and intensity, for a window's width."""
        bend = FOLD_FREE * layout.spacing if self.displacement is None else self.displacement
        return bend, INTENSITY_SHARE * window if self.intensity is None else self.intensity
