"""Window presets of a reading room: the ranges of intensities in which images are viewed."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class WindowPreset:
    """An intensity window.

    Attributes:
        name: as radiologists call it.
        centre, width: level and width, in HU.
    """

    name: str
    centre: float
    width: float

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and highest intensity in the window."""
        return self.centre - self.width / 2, self.centre + self.width / 2


PRESETS = (
    WindowPreset("lung", -600.0, 1500.0),
    WindowPreset("mediastinum", 40.0, 400.0),
    WindowPreset("bone", 400.0, 1800.0),
    WindowPreset("brain", 40.0, 80.0),
    WindowPreset("liver", 60.0, 160.0),
    WindowPreset("soft tissue", 50.0, 350.0),
)


# Key of the full range, which is the only preset of an X-ray.
FULL = len(PRESETS) + 1


def presets_for(units: str, bounds: tuple[float, float]) -> tuple[WindowPreset, ...]:
    """Return the presets for an image: those of CT and the full range for HU, else the full range.

    Args:
        units: of the image.
        bounds: the lowest and highest intensity that its file can hold, or that the image has.
    """
    low, high = bounds
    full = WindowPreset("full range", (low + high) / 2, high - low)
    return (*PRESETS, full) if units == "HU" else (full,)


def numbered(presets: Sequence[WindowPreset]) -> list[tuple[int, WindowPreset]]:
    """Number an image's presets by their keys; the full range, which is last, always gets FULL."""
    return [*enumerate(presets[:-1], 1), *((FULL, preset) for preset in presets[-1:])]
