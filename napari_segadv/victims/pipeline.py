"""Pipeline: a network with its preprocessing, its windows and its head, whatever its task."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch
from torch import nn

from .heads import Head
from .preprocessing.chain import Transform
from .windows import SlidingWindows


@dataclass(frozen=True, eq=False)
class Pipeline:
    """What stands between an image and class logits.

    Attributes:
        network: in evaluation mode where it has one, its parameters frozen.
        name: what to call it.
        dims: 2 or 3; a 2-D network sees a volume slice by slice.
        channels: of the image that the preprocessing starts from (1 grey, 3 RGB).
        classes: names, of a segmentation background first; empty until known.
        steps: the transforms of the preprocessing, in order.
        array_order: True if the network's axes are (z, y, x) or (y, x), False if (x, y, z) as
            MONAI reads files.
        windows: how it is slid over an image; None: the whole image at once.
        head: what it ends in.
    """

    network: nn.Module | Callable[[torch.Tensor], Any]
    name: str
    dims: int
    channels: int = 1
    classes: tuple[str, ...] = ()
    steps: tuple[Transform, ...] = ()
    array_order: bool = False
    windows: SlidingWindows | None = None
    head: Head = field(default_factory=Head)

    def __post_init__(self) -> None:
        if isinstance(self.network, nn.Module):
            for parameter in self.network.parameters():
                parameter.requires_grad_(False)

    def to(self, device: str | torch.device) -> Self:
        """The same with its network on a device."""
        if isinstance(self.network, nn.Module):
            return replace(self, network=self.network.to(device))
        return self

    @property
    def window(self) -> tuple[float, float] | None:
        """The intensities that the preprocessing lets through, if it says so."""
        # Behind a first scaling intensities are no longer in the scan's units.
        first = next((step for step in self.steps if step.rescales), None)
        return None if first is None else first.window
