"""Presentation: how an image is shown, as a map from its intensities to black and white."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

# Values that percentiles are taken of, or up to twice as many.
SAMPLE = 1 << 20


@dataclass(frozen=True)
class Presentation:
    """A map from intensities, in the image's units, to brightness from 0 (black) to 1 (white).

    Piecewise linear between its points and constant outside: a window is two points, a window of
    an inverted film two points that fall, a VOI LUT one point for each entry.

    Attributes:
        intensities: of the points, rising.
        brightness: of the points, from 0 to 1.
        source: where it comes from, in words for people: "window of the header".

    Raises:
        ValueError: if there are fewer than two points, the intensities do not rise, or a
            brightness is not between 0 and 1.

    Examples:
        >>> shown = Presentation.window(centre=2048.0, width=1000.0, source="window of the header")
        >>> shown.limits
        (1548.0, 2548.0)
        >>> shown([0.0, 2048.0, 4095.0]).tolist()
        [0.0, 0.5, 1.0]
        >>> shown.inverted([0.0, 2048.0, 4095.0]).tolist()
        [1.0, 0.5, 0.0]
    """

    intensities: tuple[float, ...]
    brightness: tuple[float, ...]
    source: str

    def __post_init__(self) -> None:
        if len(self.intensities) < 2 or len(self.intensities) != len(self.brightness):
            raise ValueError("a presentation needs as many intensities as brightnesses, at least 2")
        if not (np.diff(self.intensities) > 0).all():
            raise ValueError("the intensities of a presentation must rise")
        if not 0 <= min(self.brightness) <= max(self.brightness) <= 1:
            raise ValueError("the brightness of a presentation must lie between 0 and 1")

    @classmethod
    def window(cls, centre: float, width: float, source: str) -> "Presentation":
        """A window: black below it, white above it."""
        return cls.between(centre - width / 2, centre + width / 2, source)

    @classmethod
    def between(cls, low: float, high: float, source: str) -> "Presentation":
        """The window between two intensities."""
        return cls((float(low), float(high)), (0.0, 1.0), source)

    @classmethod
    def percentiles(
        cls, array: npt.ArrayLike, source: str = "0.5th to 99.5th percentile"
    ) -> "Presentation":
        """The window that leaves out half a percent of the pixels at each end."""
        values = sampled(array)
        low, high = np.percentile(values, (0.5, 99.5))
        if not low < high:
            values = np.asarray(array)
        if not low < high:
            low, high = values.min(), values.max()
        return cls.between(float(low), float(high), source)

    @property
    def limits(self) -> tuple[float, float]:
        """The intensities between which brightness changes."""
        return self.intensities[0], self.intensities[-1]

    @property
    def falls(self) -> bool:
        """Whether low intensities are white, as on an inverted film."""
        return self.brightness[0] > self.brightness[-1]

    @property
    def linear(self) -> bool:
        """Whether it is a window: two points, from black to white or from white to black."""
        return len(self.intensities) == 2 and sorted(self.brightness) == [0.0, 1.0]

    @property
    def inverted(self) -> "Presentation":
        """The same with black and white exchanged, as MONOCHROME1 asks for."""
        return Presentation(
            self.intensities, tuple(1.0 - value for value in self.brightness), self.source
        )

    def __call__(self, values: npt.ArrayLike) -> Float:
        """Brightness of intensities, in an array of their shape."""
        return np.interp(np.asarray(values, np.float64), self.intensities, self.brightness)


def sampled(array: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return enough of an array's values for its percentiles: of a large volume not all."""
    values = np.asarray(array).reshape(-1)
    # Odd, so that the sample does not stay in a few columns.
    return values[:: (values.size // SAMPLE) | 1]


def lut_points(
    first: float, entries: Sequence[float], step: float = 1.0
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the points of a lookup table as intensities and brightness.

    Entries inside a run of equal ones are omitted: they would add nothing.

    Args:
        first: the intensity of the first entry.
        entries: at least two, not all equal.
        step: between two entries.
    """
    values = np.asarray(entries, np.float64)
    shares = (values - values.min()) / (values.max() - values.min())
    slopes = np.diff(shares)
    keep = np.ones(len(shares), bool)
    keep[1:-1] = ~np.isclose(slopes[1:], slopes[:-1], atol=1e-12)
    places = first + step * np.flatnonzero(keep)
    return tuple(map(float, places)), tuple(map(float, shares[keep]))
