"""Pipeline: a network with its preprocessing, sliding window and head, for any task."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch
from torch import nn

from ..data.scan import HU_BELOW
from .heads import Head
from .preprocessing.chain import Step
from .windows import SlidingWindows

BYTES = (0.0, 255.0)


@dataclass(frozen=True, eq=False)
class Pipeline:
    """Everything between an image and class logits.

    Attributes:
        network: in evaluation mode if it has one; its parameters are frozen.
        name: for messages and records.
        dims: 2 or 3; a 2-D network sees a volume slice by slice.
        channels: of the image before preprocessing (1 grey, 3 RGB).
        classes: names, for segmentation background first; empty until known.
        steps: the transforms of the preprocessing, in order.
        array_order: True if the network's axes are (z, y, x) or (y, x), False if (x, y, z) as
            MONAI reads files.
        windows: the sliding window; None: the network sees the whole image at once.
        head: turns the network's output into class logits.
    """

    network: nn.Module | Callable[[torch.Tensor], Any]
    name: str
    dims: int
    channels: int = 1
    classes: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    array_order: bool = False
    windows: SlidingWindows | None = None
    head: Head = field(default_factory=Head)

    def __post_init__(self) -> None:
        if isinstance(self.network, nn.Module):
            for parameter in self.network.parameters():
                parameter.requires_grad_(False)

    def to(self, device: str | torch.device) -> Self:
        """Return a copy with its network on a device."""
        if isinstance(self.network, nn.Module):
            return replace(self, network=self.network.to(device))
        return self

    @property
    def window(self) -> tuple[float, float] | None:
        """The intensity window that the preprocessing lets through; None if it names none."""
        # After the first scaling, intensities are no longer in the scan's units.
        first = next((step for step in self.steps if step.rescales), None)
        return None if first is None else first.window

    @property
    def expects(self) -> str:
        """The units that its window speaks of: "HU", "grey level", or "" if that is unclear.

        Grey levels are those that a screen shows, bytes or shares, from black or just above it.
        """
        if self.window is None:
            return ""
        low, high = self.window
        if low < HU_BELOW:
            return "HU"
        return "grey level" if low >= 0 and high in (BYTES[1], 1.0) else ""
