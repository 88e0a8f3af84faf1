"""Guidance: what a user shows an interactive network, as channels that an attack may not change.

Clicks on structures, or a mask of one object, become further channels of the network's input. They
belong to the victim, as its weights do: an attack changes the image alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor

from ...data.scan import Array
from ...errors import SegadvError
from .axes import Back
from .chain import BoundChain, BoundTransform, Space, Step, bind

Coordinates = Literal["array", "ras", "lps"]
Points = Sequence[Sequence[float]]
# A point lies in the pixel whose centre is nearest; numbers a hair below a half count as it.
HAIR = 1e-4


@dataclass(frozen=True)
class Guidance:
    """What a user shows a network.

    Attributes:
        points: clicks by the name of their structure, each as (z, y, x) or (y, x).
        coordinates: "array": in pixels of the image, from the centre of the first one; "ras" or
            "lps": in mm, as (x, y, z).
        mask: of an object, in the image's pixels; None: none.
        reversed: whether the network's axes are the array's in reverse, as MONAI reads files.
    """

    points: Mapping[str, Points] = field(default_factory=dict)
    coordinates: Coordinates = "array"
    mask: Array | None = None
    reversed: bool = True

    @property
    def count(self) -> int:
        """The number of clicks."""
        return sum(len(points) for points in self.points.values())

    def placed(self, points: Points, first: Space, here: Space) -> list[list[int]]:
        """Return the pixels of points on a grid, in the network's order of axes.

        Args:
            points: of one structure.
            first: the image's own grid.
            here: the grid.

        Raises:
            SegadvError: if a point lies outside the image or has another number of coordinates.
        """
        dims = len(first.shape)
        found = []
        for point in points:
            if len(point) != dims:
                raise SegadvError(
                    f"click {list(point)} has {len(point)} coordinates, but the network sees "
                    f"{dims}-D images; give {dims}"
                )
            at = np.asarray(point, np.float64)
            if self.coordinates == "array":
                at = _moved(first.affine, at[::-1] if self.reversed else at)
            elif self.coordinates == "lps":
                at = at * np.array([-1.0, -1.0, 1.0][:dims])
            pixel = np.floor(_moved(np.linalg.inv(here.affine), at) + 0.5 + HAIR).astype(int)
            if (pixel < 0).any() or (pixel >= here.shape).any():
                raise SegadvError(
                    f"click {list(point)} lies outside the image ({self.coordinates} coordinates)"
                )
            found.append(pixel.tolist())
        return found


def _moved(affine: Any, point: Any) -> Any:
    return affine[:-1, :-1] @ point + affine[:-1, -1]


@dataclass(frozen=True)
class Guided(ABC):
    """All steps of a preprocessing that adds guidance to the image as further channels.

    Attributes:
        before: the steps up to the one that takes the guidance.
        guidance: what the user shows; None: nothing yet.
        added: how many channels the guidance makes.
    """

    before: tuple[Step, ...] = ()
    guidance: Guidance | None = None
    added: int = 1
    # What it takes, for messages.
    takes: ClassVar[str]
    # Whether the network can be used without.
    optional: ClassVar[bool] = False

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that change the image itself."""
        return self.before

    @property
    def structures(self) -> tuple[str, ...]:
        """What clicks may lie on; one without a name if they are of one kind, none for a mask."""
        return ("",)

    @property
    def name(self) -> str:
        return type(self).__name__

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Steps and clicks, for records."""
        shown = self.guidance or Guidance()
        return {
            "steps": [{"step": one.name, "arguments": one.arguments} for one in self.steps],
            "points": {name: [list(p) for p in points] for name, points in shown.points.items()},
            "coordinates": shown.coordinates,
        }

    @property
    def window(self) -> tuple[float, float] | None:
        """The intensity window that its steps let through; None if they name none."""
        first = next((one for one in self.steps if one.rescales), None)
        return None if first is None else first.window

    @property
    def rescales(self) -> bool:
        return any(one.rescales for one in self.steps)

    def shown(self, guidance: Guidance) -> Self:
        """Return the same steps with guidance.

        Raises:
            SegadvError: if it is not what the network takes.
        """
        self.check(guidance)
        return replace(self, guidance=guidance)

    def describe(self) -> str:
        """Say what the network is shown, in a line."""
        if self.guidance is None or not (self.guidance.count or self.guidance.mask is not None):
            return f"the model is shown no {self.takes}"
        if self.guidance.mask is not None:
            size = int((self.guidance.mask != 0).sum())
            return f"the model is shown the mask of an object of {size} pixels"
        listed = self.guidance.points.items()
        parts = ", ".join(f"{name} {len(points)}".strip() for name, points in listed)
        return f"the model is shown clicks, which no attack changes: {parts}"

    @abstractmethod
    def check(self, guidance: Guidance) -> None:
        """Raise SegadvError if guidance is not what the network takes."""

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        """Fix the geometry and the guidance on the grid of an image (C, *S).

        Raises:
            SegadvError: if there is none though the network needs it, or it lies elsewhere.
        """
        if self.guidance is None and not self.optional:
            raise SegadvError(
                f'needs {self.takes}; give them in a JSON file in place of the model: {{"model": '
                f"..., {self.key}: ...}}, see docs/victims.md"
            )
        one, after = self.made(bind(self.before, image, space), image, space)
        return one, one.forward(image[None])[0], after

    # How a file gives it.
    key: ClassVar[str] = '"points"'

    @abstractmethod
    def made(self, chain: BoundChain, image: Tensor, space: Space) -> tuple[BoundTransform, Space]:
        """Return the step on a grid, and the grid after it; the arguments are `bound`'s."""


def is_shown(steps: Sequence[Step]) -> bool:
    """Return whether steps hold guidance, which belongs to one image."""
    return any(isinstance(one, Guided) and one.guidance is not None for one in steps)


@dataclass(frozen=True)
class Signals(Guided):
    """DeepEdit: a channel for each structure, a blurred spot at each of its clicks.

    Attributes:
        labels: the structures in the order of their channels.
        after: steps of the image between taking the clicks and adding the channels.
        scaled: whether clicks are scaled with the image in between, and cut to whole numbers.
        sigma: of the spots, in the network's pixels.
    """

    labels: tuple[str, ...] = ()
    after: tuple[Step, ...] = ()
    scaled: bool = False
    sigma: int = 3
    takes: ClassVar[str] = "clicks"
    optional: ClassVar[bool] = True

    @property
    def steps(self) -> tuple[Step, ...]:
        return (*self.before, *self.after)

    @property
    def structures(self) -> tuple[str, ...]:
        return self.labels

    def check(self, guidance: Guidance) -> None:
        if guidance.mask is not None:
            raise SegadvError("takes clicks, not a mask; give points by structure")
        odd = next((name for name in guidance.points if name not in self.labels), None)
        if odd is not None:
            raise SegadvError(
                f"takes no clicks on {odd or 'a structure without a name'}; name one of "
                f"{', '.join(self.labels)}"
            )

    def made(self, chain: BoundChain, image: Tensor, space: Space) -> tuple[BoundTransform, Space]:
        between = bind(self.after, chain.forward(image[None])[0], chain.space)
        shape = between.space.shape
        factor = np.divide(shape, chain.space.shape) if self.scaled else np.ones(len(shape))
        shown = self.guidance or Guidance()
        signals = []
        for label in self.labels:
            pixels = shown.placed(shown.points.get(label, ()), space, chain.space)
            signals.append(self._spots([np.multiply(p, factor) for p in pixels], shape))
        signal = torch.cat(signals)[None]

        def forward(x: Tensor) -> Tensor:
            x = between.forward(chain.forward(x))
            return torch.cat([x, signal.to(x).expand(len(x), *signal.shape[1:])], dim=1)

        def backward(z: Tensor, way: Back) -> Tensor:
            return chain.backward(between.backward(z, way), way)

        return BoundTransform(forward, backward), between.space

    def _spots(self, pixels: Sequence[Any], shape: tuple[int, ...]) -> Tensor:
        """Return MONAI's own channel (1, *S) for the clicks on one structure."""
        from monai.apps.deepedit.transforms import AddGuidanceSignalDeepEditd

        adds = AddGuidanceSignalDeepEditd("image", sigma=self.sigma)
        empty = np.zeros((1, *shape), np.float32)
        made = adds({"image": empty, "guidance": {"": [p.astype(int).tolist() for p in pixels]}})
        return torch.as_tensor(made["image"])[1:].float()


@dataclass(frozen=True)
class Patches(Guided):
    """NuClick: a patch around each click, with a channel for it and one for the others.

    The patches' logits are put back where they lie; where patches overlap, the one counts that sees
    its structure most clearly.

    Attributes:
        settings: arguments of MONAI's AddClickSignalsd.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    takes: ClassVar[str] = "clicks"

    def check(self, guidance: Guidance) -> None:
        if guidance.mask is not None or not guidance.count:
            raise SegadvError("takes clicks, at least one; give points")

    def made(self, chain: BoundChain, image: Tensor, space: Space) -> tuple[BoundTransform, Space]:
        from monai.apps.nuclick.transforms import AddClickSignalsd

        assert self.guidance is not None
        seen = chain.forward(image[None])[0]
        pixels = [
            pixel
            for points in self.guidance.points.values()
            for pixel in self.guidance.placed(points, space, chain.space)
        ]
        size = int(self.settings.get("bb_size", 128))
        if min(seen.shape[1:]) < size:
            raise SegadvError(
                f"cuts patches of {size} x {size} pixels around clicks, but the image has "
                f"{tuple(seen.shape[1:])}; use a larger image"
            )
        made = AddClickSignalsd("image", "foreground", **self.settings)(
            {"image": seen.clone(), "foreground": pixels}
        )
        corners = [tuple(int(n) for n in box) for box in made["bounding_boxes"]]
        places = [(slice(a, c), slice(b, d)) for a, b, c, d in corners]
        signals = torch.as_tensor(made["image"])[:, seen.shape[0] :].float()

        def forward(x: Tensor) -> Tensor:
            x = chain.forward(x)
            cut = torch.stack([x[:, :, *place] for place in places], dim=1)
            shown = signals.to(x).expand(len(x), *signals.shape)
            return torch.cat([cut, shown], dim=2).flatten(0, 1)

        def backward(z: Tensor, way: Back) -> Tensor:
            parts = z.unflatten(0, (-1, len(places)))
            return chain.backward(_together(parts, places, seen.shape[1:], way), way)

        # Patches have no grid of their own; the image's is that of what comes back.
        return BoundTransform(forward, backward), Space((size, size), chain.space.affine)


def _together(
    parts: Tensor, places: Sequence[tuple[slice, ...]], shape: Sequence[int], way: Back
) -> Tensor:
    """Put patches (N, P, K, *s) into one image (N, K, *S): logits, or with K = 1 class numbers."""
    n, _, classes = parts.shape[:3]
    found = parts.new_zeros(n, classes, *shape)
    clearest = parts.new_full((n, 1, *shape), -torch.inf)
    if classes > 1:
        found[:, 0] = way.certain
    for number, place in enumerate(places):
        part = parts[:, number]
        clear = part if classes == 1 else part[:, 1:].amax(1, keepdim=True) - part[:, :1]
        better = clear.detach() > clearest[:, :, *place]
        chosen = torch.where(better, part, found[:, :, *place])
        found, clearest = found.clone(), clearest.clone()
        found[:, :, *place] = chosen
        clearest[:, :, *place] = torch.where(better, clear.detach(), clearest[:, :, *place])
    return found


@dataclass(frozen=True)
class LabelChannel(Guided):
    """A channel that is 1 inside the mask of an object."""

    takes: ClassVar[str] = "the mask of an object"
    key: ClassVar[str] = '"mask"'

    @property
    def structures(self) -> tuple[str, ...]:
        return ()

    def check(self, guidance: Guidance) -> None:
        if guidance.mask is None or not guidance.mask.any():
            raise SegadvError("takes the mask of an object, which is not empty; give a mask")

    def made(self, chain: BoundChain, image: Tensor, space: Space) -> tuple[BoundTransform, Space]:
        assert self.guidance is not None
        assert self.guidance.mask is not None
        mask = torch.from_numpy(np.ascontiguousarray(self.guidance.mask != 0)).float()
        if self.guidance.reversed:
            mask = mask.permute(*range(mask.ndim - 1, -1, -1))
        if tuple(mask.shape) != space.shape or chain.space.shape != space.shape:
            raise SegadvError(
                f"the mask of the object has {tuple(self.guidance.mask.shape)} pixels, not those "
                "of the image; use a mask of the same image"
            )

        def forward(x: Tensor) -> Tensor:
            x = chain.forward(x)
            return torch.cat([x, mask.to(x).expand(len(x), 1, *mask.shape)], dim=1)

        return BoundTransform(forward, chain.backward), chain.space
