"""Channel: one of several channels of an image, as a victim sees it and an attack may change it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SegadvError
from .scan import Array, Scan

# What a user gives to say which channels may change: names or numbers, with shares of the budget.
Chosen = Mapping[str | int, float] | Sequence[str | int]


@dataclass(frozen=True)
class Channel:
    """One of several channels.

    Attributes:
        name: the victim's name for it, or else its file's.
        units: "HU" or "grey level".
        window: intensities (low, high) in these units between which the victim sees differences.
        share: of the budget, from 0 (it does not change) to 1.
    """

    name: str
    units: str
    window: tuple[float, float]
    share: float = 1.0

    @property
    def percent(self) -> float:
        """One percent of its window, in its own units."""
        return (self.window[1] - self.window[0]) / 100

    @property
    def data(self) -> dict[str, Any]:
        """As plain data for `result.json`."""
        return {
            "name": self.name,
            "units": self.units,
            "window": list(self.window),
            "share": self.share,
        }


def in_percent(values: Array, channels: Sequence[Channel]) -> npt.NDArray[np.float64]:
    """Return differences in each channel's own units, along the last axis, in percent of windows.

    Of an image of one channel (no `channels`), they stay as they are.
    """
    if not channels:
        return values.astype(np.float64)
    found: npt.NDArray[np.float64] = values / np.array([one.percent for one in channels])
    return found


def shares_of(chosen: Chosen | None, scan: Scan, names: Sequence[str] = ()) -> tuple[float, ...]:
    """Return the share of the budget that each channel of an image has.

    Args:
        chosen: the channels that may change, by the victim's names, the names of their files or
            their numbers from 1 (an int is always a number); with the share of each, or 1 for all.
            The others do not change. None: all change, with share 1.
        scan: the image.
        names: the victim's names of the channels, if it has some.

    Raises:
        SegadvError: if there is no such channel, a name could mean two, a share is not from 0 to 1,
            or no channel may change.

    Examples:
        >>> a, b = (Scan.from_array(np.array([[0, n]])) for n in (1, 2))
        >>> shares_of({"T1": 0.5}, Scan.of_parts([a, b]), ("FLAIR", "T1"))
        (0.0, 0.5)
    """
    if chosen is None:
        return (1.0,) * len(scan.parts)
    if not scan.parts:
        raise SegadvError(f"{scan.name}: has no channels to choose from; remove --channel")
    given = dict(chosen) if isinstance(chosen, Mapping) else dict.fromkeys(chosen, 1.0)
    shares = [0.0] * scan.channels
    for key, share in given.items():
        if not (math.isfinite(share) and 0 <= share <= 1):
            raise SegadvError(f"channel {key}: its share of the budget must be from 0 to 1")
        shares[_number(key, scan, names)] = float(share)
    if not any(shares):
        raise SegadvError(f"{scan.name}: no channel may change; give one a share above 0")
    return tuple(shares)


def in_view(shares: Sequence[float], wanted: int = 0) -> int:
    """Return the channel to show, from 0: the wanted one if it may change, else the first that may.

    Args:
        shares: of the budget, of each channel; empty: of an image of one channel.
        wanted: the channel that was shown so far.

    Examples:
        >>> in_view((0.0, 1.0, 0.5)), in_view((0.0, 1.0, 0.5), wanted=2)
        (1, 2)
    """
    if not any(shares) or shares[wanted] > 0:
        return wanted
    return next(number for number, share in enumerate(shares) if share > 0)


def _number(key: str | int, scan: Scan, names: Sequence[str]) -> int:
    """Return the number, from 0, of the channel that a user means."""
    numbers = [str(number) for number in range(1, scan.channels + 1)]
    lists = [numbers] if isinstance(key, int) else [names, scan.channel_names, numbers]
    wanted = str(key).strip().casefold()
    found = {
        place for known in lists for place, name in enumerate(known) if name.casefold() == wanted
    }
    if len(found) == 1:
        return found.pop()
    shown = ", ".join(f"{n} {name}" for n, name in enumerate(names or scan.channel_names, 1))
    what = "could be several of the channels" if found else "is none of the channels"
    raise SegadvError(f"channel {key}: {what} of {scan.name}: {shown}")
