"""An adversarial image as its file holds it: what the victim sees in the run, and what is saved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..data.channels import Channel
from ..data.scan import Array, Scan
from ..io.quantise import quantise
from ..victims.scan_tensors import as_array, as_tensor
from .scale import quantise_channels


@dataclass(frozen=True)
class Stored:
    """Rounds images to what the scan's file holds inside a budget.

    Attributes:
        scan: the clean scan.
        norm: "linf", "l2" or "visible".
        epsilon: the budget, in the scan's units; of several channels, in percent of their shares.
        channels: of an image of several, with windows and shares.
        weights: of the scan's shape, what each change is multiplied with before its square is
            taken, for "visible".
    """

    scan: Scan
    norm: str
    epsilon: float
    channels: Sequence[Channel] = ()
    weights: Array | None = None

    def __call__(self, array: Array) -> Scan:
        """Return the scan with the intensities that its file can hold, nearest to an array."""
        scan, norm, epsilon, weights = self.scan, self.norm, self.epsilon, self.weights
        if scan.parts:
            return quantise_channels(scan, array, norm, epsilon, self.channels, weights)
        return replace(scan, array=quantise(scan, array, norm, epsilon, weights))


class InBall:
    """Corrects images that were rounded pixel by pixel, which can make a change too long.

    Linf bounds each pixel, so whole steps of a file stay inside. The length of a whole change grows
    as small changes are rounded up: such an image is not the one that will be saved.
    """

    def __init__(self, stored: Stored, clean: Tensor) -> None:
        """Prepare for images.

        Args:
            stored: how they will be saved.
            clean: the clean image, (1, C, *S), in its own units.
        """
        self.stored, self.clean = stored, clean
        weights = stored.weights
        self.weights = None
        if weights is not None and not stored.scan.parts:
            known = replace(stored.scan, array=weights)
            self.weights = as_tensor(known, clean.device).double()

    def __call__(self, images: Tensor, rounded: Tensor) -> Tensor:
        """Return rounded images (N, C, *S), with those outside the ball as they will be saved."""
        found = [
            one if self._inside(one) else self._saved(images[n : n + 1])
            for n, one in enumerate(rounded.split(1))
        ]
        return torch.cat(found)

    def _inside(self, rounded: Tensor) -> bool:
        """Return whether a rounded image is in the ball; of several channels, each has its own."""
        if self.stored.scan.parts:
            return False
        noise = rounded.double() - self.clean
        length = (noise if self.weights is None else noise * self.weights).norm()
        return bool(length <= self.stored.epsilon)

    def _saved(self, image: Tensor) -> Tensor:
        """Return the image (1, C, *S) that the victim will see once it is saved."""
        scan = self.stored.scan
        change = as_array(image, scan).astype("float64") - as_array(self.clean, scan)
        return as_tensor(self.stored(scan.array + change), self.clean.device)
