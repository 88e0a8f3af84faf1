"""Presentation as a victim's first step: from a file's intensities to those the victim expects.

Digital X-rays have 10 to 16 bits, and most networks were trained on what a screen shows of them,
0 to 255. The perturbation still lives in the file's intensities: a presentation is differentiable.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ...common.wording import in_percent, with_units
from ...data.presentation import Presentation, sampled
from ...data.scan import Scan
from ...errors import SegadvError
from ..pipeline import BYTES, Pipeline

CHOICES: tuple[str, ...] = ("auto", "header", "percentiles", "none")
# Share of a window's width by which an image may leave it and still fit it.
SLACK = 0.05
# Share of a window's width that the image must span to fit it, unless it is of bytes.
LEAST_SPAN = 0.02
# Share of the pixels outside a victim's window from which it sees next to nothing of an image.
MOST_OUTSIDE = 0.97


@dataclass(frozen=True)
class Presented:
    """An image as the victim gets it: brightness 0 to 1 on the range of intensities it expects.

    Attributes:
        presentation: from the image's intensities to brightness.
        low, high: the intensities that stand for black and white.
    """

    presentation: Presentation
    low: float
    high: float

    @cached_property
    def _points(self) -> tuple[list[float], list[float]]:
        shown = self.presentation
        return list(shown.intensities), [
            self.low + share * (self.high - self.low) for share in shown.brightness
        ]

    def __call__(self, images: Tensor) -> Tensor:
        """Present images (N, C, *S), with the gradient."""
        places, values = self._points
        if len(places) == 2:
            slope = (values[1] - values[0]) / (places[1] - places[0])
            return (images.clamp(*places) - places[0]) * slope + values[0]
        x = images.new_tensor(places)
        y = images.new_tensor(values)
        inside = images.clamp(places[0], places[-1])
        right = torch.bucketize(inside.detach(), x, right=True).clamp_(1, len(x) - 1)
        slopes = (y[1:] - y[:-1]) / (x[1:] - x[:-1])
        return y[right - 1] + slopes[right - 1] * (inside - x[right - 1])

    def describe(self, units: str) -> str:
        """What was done, in a sentence for people."""
        low, high = self.presentation.limits
        source = self.presentation.source
        inverted = ", inverted" if self.presentation.falls and "inverted" not in source else ""
        return (
            f"the model sees the image through the {source}{inverted} "
            f"({low:g} to {with_units(format(high, 'g'), units)}), spread over its own numbers "
            f"{self.low:g} to {self.high:g}"
        )

    @property
    def data(self) -> dict[str, object]:
        """As plain data for `result.json`."""
        return {
            "source": self.presentation.source,
            "limits": list(self.presentation.limits),
            "inverted": self.presentation.falls,
            "linear": self.presentation.linear,
            "shown_as": [self.low, self.high],
        }


def present(scan: Scan, victim: Pipeline, choice: str = "auto") -> Presented | None:
    """Decide how an image is presented to a victim.

    "auto" presents images to a victim that expects what a screen shows, 0 to 255 or 0 to 1: those
    whose intensities are of another range, and those that are stored inverted, by their header's
    presentation or else by percentiles. Images in HU go to the victim as they are, and so do all
    images where the victim's window is of other numbers.

    Args:
        scan: the image.
        victim: with its window.
        choice: "auto", "header", "percentiles", "none", or a window "LOW:HIGH" in the image's
            units.

    Returns:
        The first step of the victim; None: the image goes to it as it is.

    Raises:
        SegadvError: if the header says nothing and was chosen, or, with "auto", if the image can't
            be what the victim was made for. Several channels go to the victim as they are.
    """
    if choice == "none":
        return None
    if scan.parts:
        _check_channels(scan, victim, choice)
        return None
    if choice != "auto":
        return _on_range(chosen(scan, choice), victim)
    presented = _automatic(scan, victim)
    check_seen(scan, window_seen(scan, victim, presented), victim.name)
    return presented


def _check_channels(scan: Scan, victim: Pipeline, choice: str) -> None:
    """Refuse what would have to be done to a channel before the victim sees it."""
    if choice != "auto":
        raise SegadvError(
            f"present {choice}: is for images of one channel; {scan.name} has {scan.channels}, "
            "which go to the model as they are"
        )
    pairs = zip(scan.parts, windows_seen(scan, victim, None), strict=True)
    for part, (low, high) in pairs:
        if _automatic(part, victim) is not None:
            raise SegadvError(
                f"{part.name}: has other intensities than the {low:g} to {high:g} that "
                f"{victim.name} expects, or is stored inverted; rescale it, or present the "
                "channels as they are (--present none; in napari: Expert, sees)"
            )
        check_seen(part, (low, high), victim.name)


def _automatic(scan: Scan, victim: Pipeline) -> Presented | None:
    if scan.units == "HU":
        if victim.expects == "grey level":
            low, high = victim.window or (0.0, 0.0)
            raise SegadvError(
                f"{scan.name}: is in HU, but {victim.name} expects grey levels from {low:g} to "
                f"{high:g}; use another model, or present it otherwise (--present; in napari: "
                "Expert, sees)"
            )
        return None
    if not is_inverted(scan) and (victim.window is None or fits(scan, victim.window)):
        return None
    if victim.window is not None and victim.expects != "grey level":
        return None
    return _on_range(scan.shown, victim)


def chosen(scan: Scan, choice: str) -> Presentation:
    """The presentation that a choice means for an image.

    An image that is stored inverted stays so: its white is its lowest number in every window.

    Raises:
        SegadvError: if it means none.
    """
    if choice == "percentiles":
        shown = Presentation.percentiles(scan.array)
        return shown.inverted if is_inverted(scan) else shown
    if choice == "header":
        if scan.presentation is None:
            raise SegadvError(
                f"{scan.name}: its header does not say how it is shown; use --present percentiles"
            )
        return scan.presentation
    try:
        low, high = (float(part) for part in choice.split(":"))
    except ValueError:
        low = high = math.nan
    if not -math.inf < low < high < math.inf:
        raise SegadvError(
            f"present {choice}: use {', '.join(CHOICES)}, or a window LOW:HIGH in the image's units"
        )
    shown = Presentation.between(low, high, "chosen window")
    return shown.inverted if is_inverted(scan) else shown


def is_inverted(scan: Scan) -> bool:
    """Whether an image is stored inverted, as its header says."""
    return scan.presentation is not None and scan.presentation.falls


def window_seen(scan: Scan, victim: Pipeline, presented: Presented | None) -> tuple[float, float]:
    """Return the intensities of an image between which a victim sees differences."""
    if presented is not None:
        return presented.presentation.limits
    low, high = victim.window or scan.bounds
    return float(low), float(high)


def windows_seen(
    scan: Scan, victim: Pipeline, presented: Presented | None
) -> tuple[tuple[float, float], ...]:
    """Return `window_seen` of each channel, in its own units; of a colour image, one for all."""
    if not scan.parts:
        return (window_seen(scan, victim, presented),)
    own = victim.channel_windows(scan.channels)
    return tuple(
        window_seen(part, victim, presented) if window is None else window
        for part, window in zip(scan.parts, own, strict=True)
    )


def fits(scan: Scan, window: tuple[float, float]) -> bool:
    """Whether an image's intensities are of the range of a window: neither outside nor a sliver.

    Bytes fit every window of bytes, which may cut a part of them, as the black around a fundus.
    """
    low, high = window
    if scan.storage.dtype == "uint8" and BYTES[0] <= low < high <= BYTES[1] and high > 1:
        return True
    span = high - low
    least, most = (float(value) for value in np.percentile(sampled(scan.array), (1, 99)))
    inside = least >= low - SLACK * span and most <= high + SLACK * span
    return inside and most - least >= LEAST_SPAN * span


def check_seen(scan: Scan, window: tuple[float, float], name: str) -> None:
    """Refuse an image of which a victim sees next to nothing.

    Raises:
        SegadvError: if nearly all pixels lie outside the window.
    """
    low, high = window
    outside = float(((scan.array < low) | (scan.array > high)).mean())
    if outside >= MOST_OUTSIDE:
        raise SegadvError(
            f"{scan.name}: {in_percent(outside)} of its pixels lie outside the window of {name} "
            f"({low:g} to {with_units(format(high, 'g'), scan.units)}); use another model, or "
            "present it otherwise (--present; in napari: Expert, sees)"
        )


def _on_range(presentation: Presentation, victim: Pipeline) -> Presented:
    """Black and white at the ends of the victim's window, or else of the presentation's own."""
    low, high = victim.window or presentation.limits
    return Presented(presentation, float(low), float(high))
