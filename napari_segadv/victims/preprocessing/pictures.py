"""Preprocessing of networks for pictures: resized as Pillow does, cropped, mean and deviation.

transformers, torchvision and segmentation-models-pytorch share these steps. A program resizes
bytes, and Pillow rounds them after each axis; the gradient goes through the same weights without
that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ...errors import SegadvError
from .axes import Back, along
from .chain import BoundTransform, Space, Step, Transform
from .nnunet import Planned, check_size

BYTES = (0.0, 255.0)
FILTERS: dict[str, Image.Resampling] = {one.name.lower(): one for one in Image.Resampling}
# Filters with negative weights: what they overshoot is cut off, since bytes have ends.
OVERSHOOTING = ("bicubic", "lanczos")


def _kept(z: Tensor, way: Back) -> Tensor:
    return z


def _sized(space: Space, shape: Sequence[int]) -> Space:
    """Return a grid of another shape over the same edges."""
    ratio = np.array(space.shape) / np.array(shape)
    affine = space.affine.copy()
    affine[:, -1] += affine[:, :-1] @ ((ratio - 1) / 2)
    affine[:-1, :-1] *= ratio
    return Space(tuple(shape), affine)


def enlarged(z: Tensor, shape: Sequence[int], way: Back) -> Tensor:
    """Map values (N, K, h, w) to another shape over the same edges, as libraries do.

    That is bilinear with `align_corners=False`; labels take the nearest pixel's.
    """
    if tuple(z.shape[2:]) == tuple(shape):
        return z
    if way.nearest:
        return F.interpolate(z, tuple(shape), mode="nearest-exact")
    return F.interpolate(z, tuple(shape), mode="bilinear", align_corners=False)


@dataclass(frozen=True)
class ResizePicture(Planned):
    """Resizes a picture (y, x) as Pillow and torchvision do, and logits back bilinearly.

    Attributes:
        size: (height, width), or the length of the shorter edge.
        resample: one of Pillow's filters, by its name in lower case.
        exact: whether to resize bytes by Pillow itself, which rounds; without a gradient.
    """

    size: int | tuple[int, int]
    resample: str = "bilinear"
    exact: bool = False

    def __post_init__(self) -> None:
        sizes = (self.size,) if isinstance(self.size, int) else self.size
        if not all(type(n) is int and n > 0 for n in sizes) or len(sizes) > 2:
            raise SegadvError(f"resize {self.size}: give one or two whole numbers of pixels")
        if self.resample not in FILTERS:
            raise SegadvError(f"resample {self.resample}: use one of {', '.join(FILTERS)}")

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        if len(space.shape) != 2:
            raise SegadvError(f"preprocessing step {self.name} needs single images or slices")
        shape = self._shape(space.shape)
        check_size(self.name, space, shape, (1.0, 1.0))
        weights = [
            None if n == m else pillow_weights(n, m, self.resample)
            for n, m in zip(space.shape, shape, strict=True)
        ]

        def forward(x: Tensor) -> Tensor:
            if self.exact:
                return _by_pillow(x, shape, self.resample)
            # Pillow resizes the rows first.
            for axis in (1, 0):
                matrix = weights[axis]
                if matrix is not None:
                    x = along(x, 2 + axis, matrix.to(x))
                    x = x.clamp(*BYTES) if self.resample in OVERSHOOTING else x
            return x

        def backward(z: Tensor, way: Back) -> Tensor:
            return enlarged(z, space.shape, way)

        after = forward(image[None])[0]
        return BoundTransform(forward, backward), after, _sized(space, shape)

    def _shape(self, shape: Sequence[int]) -> tuple[int, int]:
        if not isinstance(self.size, int):
            return self.size
        height, width = shape
        longer = int(self.size * max(shape) / min(shape))
        return (self.size, longer) if height <= width else (longer, self.size)


def pillow_weights(size: int, new_size: int, resample: str) -> Tensor:
    """Return the weights (new_size, size) with which Pillow resizes an axis."""
    units = Image.fromarray(np.eye(size, dtype=np.float32))
    found = units.resize((size, new_size), FILTERS[resample])
    return torch.from_numpy(np.array(found))


def as_bytes(x: Tensor) -> npt.NDArray[np.uint8]:
    """Return images (N, C, *S) rounded to bytes, as an array (N, *S, C)."""
    rounded = x.detach().float().round().clamp(*BYTES).byte().movedim(1, -1)
    return np.ascontiguousarray(rounded.cpu().numpy())


def _by_pillow(x: Tensor, shape: Sequence[int], resample: str) -> Tensor:
    if tuple(x.shape[2:]) == tuple(shape):
        return x
    found = np.empty((len(x), x.shape[1], *shape), np.float32)
    for n, picture in enumerate(as_bytes(x)):
        for channel in range(picture.shape[-1]):
            plane = Image.fromarray(np.ascontiguousarray(picture[..., channel]))
            resized = plane.resize((shape[1], shape[0]), FILTERS[resample])
            found[n, channel] = np.asarray(resized)
    return torch.from_numpy(found).to(x)


@dataclass(frozen=True)
class CropCentre(Planned):
    """Cuts a picture to its centre; where it is too small, it is padded with 0.

    Attributes:
        size: (height, width).
    """

    size: tuple[int, int]

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        check_size(self.name, space, self.size, (1.0, 1.0))
        # Padding puts the odd pixel after, cutting before.
        before, after = [], []
        for n, m in zip(space.shape, self.size, strict=True):
            first = (m - n) // 2 if m > n else -((n - m) // 2)
            before.append(first)
            after.append(m - n - first)
        pads = [before[1], after[1], before[0], after[0]]

        def forward(x: Tensor) -> Tensor:
            return F.pad(x, pads)

        def backward(z: Tensor, way: Back) -> Tensor:
            inside = F.pad(z, [-p for p in pads])
            outside = 1 - F.pad(torch.ones_like(z[:1, :1]), [-p for p in pads])
            return torch.cat([inside[:, :1] + way.certain * outside, inside[:, 1:]], dim=1)

        affine = space.affine.copy()
        affine[:, -1] -= affine[:, :-1] @ np.array(before)
        step = BoundTransform(forward, backward)
        return step, forward(image[None])[0], Space(self.size, affine)


@dataclass(frozen=True)
class Standardise(Planned):
    """Scales intensities, then subtracts a mean and divides by a deviation, for each channel.

    Attributes:
        factor: what intensities are multiplied with first.
        mean, std: a number for each channel, of the scaled intensities; none: neither.
        of_bytes: whether it expects bytes, 0 to 255; otherwise it follows a step that scales.
        reversed: whether the channels' order is turned around last: RGB to BGR.
    """

    factor: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    of_bytes: bool = True
    reversed: bool = False

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or any(s <= 0 for s in self.std) or self.factor <= 0:
            raise SegadvError("mean and std must be as many; std and factor must be above 0")

    @property
    def window(self) -> tuple[float, float] | None:
        return BYTES if self.of_bytes else None

    @property
    def rescales(self) -> bool:
        return True

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        if self.mean and len(self.mean) not in (1, len(image)):
            raise SegadvError(
                f"mean and std hold {len(self.mean)} numbers, but the image has {len(image)} "
                "channels; give one for each"
            )

        def forward(x: Tensor) -> Tensor:
            x = x * self.factor
            if self.mean:
                mean, std = (x.new_tensor(v).view(1, -1, 1, 1) for v in (self.mean, self.std))
                x = (x - mean) / std
            return x.flip(1) if self.reversed else x

        return BoundTransform(forward, _kept), forward(image[None])[0], space


def repeated(image: int, network: int, source: Path) -> list[Step]:
    """Return the step from an image's channels to a network's: a grey one is repeated.

    Raises:
        SegadvError: if the image is neither grey nor has as many; `source` says how many it has.
    """
    if image == network:
        return []
    if image != 1:
        raise SegadvError(
            f'{source}: its network takes {network} channels, not {image}; set "channels" to '
            f"{network}, or to 1 for grey images"
        )
    return [Transform("RepeatChannel", {"repeats": network})]


def described_steps(description: Mapping[str, Any]) -> list[Step]:
    """Return the steps of "resize", "resample", "mean" and "std" in a network's description.

    They follow its window, so that mean and deviation are those of scaled intensities.

    Raises:
        SegadvError, TypeError, ValueError: if a value is invalid.
    """
    steps: list[Step] = []
    if "resize" in description:
        size = description["resize"]
        size = size if isinstance(size, int) else (int(size[0]), int(size[1]))
        steps.append(ResizePicture(size, str(description.get("resample", "bilinear"))))
    elif "resample" in description:
        raise ValueError('"resample" needs "resize"')
    if "mean" in description or "std" in description:
        mean = tuple(float(v) for v in description["mean"])
        std = tuple(float(v) for v in description["std"])
        steps.append(Standardise(1.0, mean, std, of_bytes=False))
    return steps
