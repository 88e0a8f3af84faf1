"""Pipeline: a network with its preprocessing, sliding window and head, for any task."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from ..data.scan import HU_BELOW
from ..errors import SegadvError
from .decision import Decision
from .heads import Head
from .preprocessing.axes import Affine
from .preprocessing.chain import Step
from .windows import SlidingWindows

BYTES = (0.0, 255.0)
# Layers that do something else in training mode.
TRAINED = (_BatchNorm, _DropoutNd)


class OwnPipeline(Protocol):
    """A victim's pipeline as its own program runs it, from an image to its mask."""

    def __call__(
        self, network: Any, image: torch.Tensor, affine: Affine, files: Sequence[Path] = ()
    ) -> torch.Tensor | None:
        """Predict an image (C, *S) in the network's axis order; None if there is no such mask.

        Args:
            network: with its weights.
            image: in the image's units.
            affine: from index to RAS world.
            files: that hold this image, one for each channel if it has several; (): none.
        """


@dataclass(frozen=True, eq=False)
class Pipeline:
    """Everything between an image and class logits.

    Attributes:
        network: in evaluation mode if it has one. It stays as it is: see `run`.
        name: for messages and records.
        dims: 2 or 3; a 2-D network sees a volume slice by slice.
        channels: of the image before preprocessing (1 grey, 3 RGB or others).
        classes: names, for segmentation background first; empty until known.
        steps: of the preprocessing, in order; MONAI's are `chain.Transform`.
        array_order: True if the network's axes are (z, y, x) or (y, x), False if (x, y, z) as
            MONAI reads files.
        windows: the sliding window; None: the network sees the whole image at once.
        head: turns the network's output into class logits.
        decision: how class logits become the mask that its own program would write.
        notes: what a user should know about it, one line each.
        own: its own pipeline from image to mask, if there is another one to compare with.
        volumewise: True if a 2-D network's steps see a volume whole, and only its windows are
            slices or patches of one; the network then takes volumes of one slice.
        deployed: the same victim as its own program runs it, which gives every prediction; None:
            this one. The gradient always comes from this one.
        coarse: True if the network's logits may have fewer pixels than its input: then the steps
            map them back from any size.
        independent: for a classification, True if each class has a probability of its own, by a
            sigmoid, of which the largest counts.
        regions: for overlapping structures, the labels of a label map that each one is the union
            of, by its name in the victim's order; None: no label map is known for them.
        channel_names: names of the channels, if it was trained on several of its own.
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
    decision: Decision = field(default_factory=Decision)
    notes: tuple[str, ...] = ()
    own: OwnPipeline | None = None
    volumewise: bool = False
    deployed: "Pipeline | None" = None
    independent: bool = False
    regions: Mapping[str, tuple[int, ...]] | None = None
    coarse: bool = False
    channel_names: tuple[str, ...] = ()

    def run(self, images: torch.Tensor) -> Any:
        """Return the network's output; no gradient of its weights is kept or computed.

        The weights themselves are not touched: the network may be the caller's own.
        """
        network = self.network
        if not isinstance(network, nn.Module) or isinstance(network, torch.jit.ScriptModule):
            return network(images)
        weights = dict(network.named_parameters())
        if not any(weight.requires_grad for weight in weights.values()):
            return network(images)
        return functional_call(network, {k: w.detach() for k, w in weights.items()}, (images,))

    def check_mode(self) -> None:
        """Refuse a network whose prediction changes from call to call, or changes the network.

        Raises:
            SegadvError: if it has a layer in training mode.
        """
        if not isinstance(self.network, nn.Module):
            return
        for name, module in self.network.named_modules():
            if module.training and isinstance(module, TRAINED):
                raise SegadvError(
                    f"{self.name}: its network is in training mode ({type(module).__name__}"
                    f"{f' {name}' if name else ''}); call network.eval() first"
                )

    def to(self, device: str | torch.device) -> Self:
        """Return a copy with its network on a device."""
        if not isinstance(self.network, nn.Module):
            return self
        deployed = None if self.deployed is None else self.deployed.to(device)
        return replace(self, network=self.network.to(device), deployed=deployed)

    @property
    def window(self) -> tuple[float, float] | None:
        """The intensity window that the preprocessing lets through; None if it names none."""
        # After the first scaling, intensities are no longer in the scan's units.
        first = next((step for step in self.steps if step.rescales), None)
        return None if first is None else first.window

    def channel_windows(self, count: int) -> tuple[tuple[float, float] | None, ...]:
        """Return the window of each of so many channels; None for those without one."""
        first = next((step for step in self.steps if step.rescales), None)
        own = getattr(first, "windows", None)
        return (self.window,) * count if own is None else tuple(own)

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


def owner(network: Any) -> Any:
    """Return the object of a method: a bound method is a new object each time."""
    return network.__self__ if inspect.ismethod(network) else network
