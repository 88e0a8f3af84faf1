"""nnU-Net's preprocessing as steps of a victim: transpose, crop, normalise, resample, and back.

They follow nnU-Net v2's order and its arithmetic; `tests/victims/loading/test_nnunet.py` compares
them with nnU-Net itself. Crop and mask are those of the image that the victim is bound to.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.ndimage import binary_fill_holes
from torch import Tensor

from ...errors import SegadvError
from .axes import Affine, Back
from .chain import BoundTransform, Space
from .resampling import NOTHING, Resampler, Stage
from .windowless import Windowless

# nnU-Net's least deviation to divide by, and how thick it takes a single image for.
LEAST = 1e-8
THICKNESS = 999.0
# A channel of more does not fit into the memory of any machine that runs this.
MOST_PIXELS = 1 << 31

Scheme = Literal["ct", "zscore", "none", "rescale", "rgb"]
# By nnU-Net's names.
SCHEMES: dict[str, Scheme] = {
    "CTNormalization": "ct",
    "ZScoreNormalization": "zscore",
    "NoNormalization": "none",
    "RescaleTo01Normalization": "rescale",
    "RGBTo01Normalization": "rgb",
}


class Planned(Windowless):
    """What the steps have in common: a name, and their fields as arguments."""

    @property
    def name(self) -> str:
        return type(self).__name__

    @property
    def arguments(self) -> Mapping[str, Any]:
        return {name: _plain(value) for name, value in vars(self).items()}


def _same(z: Tensor, way: Back) -> Tensor:
    return z


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {name: _plain(inner) for name, inner in vars(value).items()}
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


@dataclass(frozen=True)
class AsVolume(Planned):
    """Gives a single image a first axis, so that it is a volume of one slice.

    Attributes:
        in_pixels: whether the network was trained on pixels without a spacing.
    """

    in_pixels: bool = False

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        affine = space.affine.copy()
        if self.in_pixels:
            affine[:-1, :-1] /= spacing_of(space)
        if len(space.shape) == 3:
            return BoundTransform(lambda x: x, _same), image, Space(space.shape, affine)
        deep = np.zeros((4, 4))
        deep[3, 3] = 1
        deep[2, 0] = THICKNESS * max(spacing_of(Space(space.shape, affine)))
        deep[:2, 1:] = affine[:2]
        step = BoundTransform(lambda x: x.unsqueeze(2), lambda z, way: z.squeeze(2))
        return step, image.unsqueeze(1), Space((1, *space.shape), deep)


@dataclass(frozen=True)
class Transpose(Planned):
    """Puts the axes in the order that the network was trained on.

    Attributes:
        order: the old place of each new axis.
    """

    order: tuple[int, int, int]

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        forward = (0, 1, *(2 + i for i in self.order))
        back = (0, 1, *(2 + int(i) for i in np.argsort(self.order)))
        step = BoundTransform(lambda x: x.permute(forward), lambda z, way: z.permute(back))
        affine = space.affine[:, [*self.order, -1]]
        shape = tuple(space.shape[i] for i in self.order)
        return step, image.permute(0, *(1 + i for i in self.order)), Space(shape, affine)


@dataclass(frozen=True)
class CropToNonzero(Planned):
    """Cuts off the borders where all channels are 0.

    Attributes:
        regions: whether the logits are those of overlapping regions: then no region lies outside,
            not even the background.
    """

    regions: bool = False

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        box = _box(nonzero(image))
        ends = list(zip([s.start for s in box], [s.stop for s in box], space.shape, strict=True))
        pads = [p for start, stop, n in reversed(ends) for p in (start, n - stop)]

        def backward(z: Tensor, way: Back) -> Tensor:
            if not any(pads):
                return z
            if self.regions:
                return F.pad(z, pads, value=-way.certain)
            return torch.cat(
                [F.pad(z[:, :1], pads, value=way.certain), F.pad(z[:, 1:], pads)], dim=1
            )

        affine = space.affine.copy()
        affine[:, -1] += affine[:, :-1] @ [s.start for s in box]
        step = BoundTransform(lambda x: x[:, :, *box], backward)
        after = image[:, *box]
        return step, after, Space(tuple(after.shape[1:]), affine)


def nonzero(image: Tensor) -> npt.NDArray[np.bool_]:
    """Return where any channel of an image (C, *S) is not 0, with holes filled."""
    filled: npt.NDArray[np.bool_] = binary_fill_holes((image != 0).any(0).cpu().numpy())
    return filled


def _box(mask: npt.NDArray[np.bool_]) -> tuple[slice, ...]:
    """Return the box around a mask; of an empty mask, all of it."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(i for i in range(mask.ndim) if i != axis)
        found = np.flatnonzero(mask.any(axis=others))
        box.append(slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, None))
    return tuple(slice(s.start, s.stop or n) for s, n in zip(box, mask.shape, strict=True))


@dataclass(frozen=True)
class Normalisation:
    """How one channel is normalised.

    Attributes:
        scheme: ct (a window, then mean and deviation of the training cases), zscore (mean and
            deviation of the image), none, rescale (0 to 1), or rgb (bytes to 0 to 1).
        masked: whether zscore counts and changes only what is not 0.
        mean, std, low, high: of the training cases, for ct.
    """

    scheme: Scheme
    masked: bool = False
    mean: float = 0.0
    std: float = 1.0
    low: float = 0.0
    high: float = 0.0

    def __post_init__(self) -> None:
        if self.scheme == "ct" and not self.low < self.high:
            raise SegadvError(
                f"CTNormalization: the window from {self.low:g} to {self.high:g} is empty"
            )

    @property
    def window(self) -> tuple[float, float] | None:
        """The intensities that it lets through; None if it names none."""
        return {"ct": (self.low, self.high), "rgb": (0.0, 255.0)}.get(self.scheme)

    def __call__(self, x: Tensor, mask: Tensor) -> Tensor:
        """Normalise a channel (N, 1, *S); `mask` (*S) is where the image is not 0."""
        if self.scheme == "ct":
            return (x.clamp(self.low, self.high) - self.mean) / max(self.std, LEAST)
        if self.scheme == "zscore":
            return _zscore(x, mask if self.masked else None)
        if self.scheme == "rescale":
            x = x - x.amin((1, *range(2, x.ndim)), keepdim=True)
            return x / x.amax((1, *range(2, x.ndim)), keepdim=True).clamp_min(LEAST)
        return x / 255.0 if self.scheme == "rgb" else x


def _zscore(x: Tensor, mask: Tensor | None) -> Tensor:
    values = x.flatten(2) if mask is None else x[:, :, mask]
    shape = (len(x), 1, *(1,) * (x.ndim - 2))
    mean = values.mean(-1, keepdim=True)
    variance = (values - mean).square().mean(-1, keepdim=True)
    # The root has no gradient at 0.
    spread = torch.where(variance > LEAST**2, variance.clamp_min(LEAST**2).sqrt(), LEAST)
    scaled = (x - mean.view(shape)) / spread.view(shape)
    return scaled if mask is None else torch.where(mask, scaled, x)


@dataclass(frozen=True)
class Normalise(Planned):
    """Normalises each channel in its own way.

    Attributes:
        channels: one for each channel.
    """

    channels: tuple[Normalisation, ...]

    @property
    def window(self) -> tuple[float, float] | None:
        windows = {channel.window for channel in self.channels}
        return windows.pop() if len(windows) == 1 else None

    @property
    def windows(self) -> tuple[tuple[float, float] | None, ...]:
        """The intensities that each channel lets through; None for those that name none."""
        return tuple(channel.window for channel in self.channels)

    @property
    def rescales(self) -> bool:
        return any(channel.scheme != "none" for channel in self.channels)

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        rgb = any(channel.scheme == "rgb" for channel in self.channels)
        if rgb and not 0 <= float(image.min()) <= float(image.max()) <= 255:
            raise SegadvError(
                "preprocessing step RGBTo01Normalization needs intensities from 0 to 255; use "
                "another image, or present it otherwise (--present; in napari: Expert, sees)"
            )
        inside = torch.from_numpy(nonzero(image))

        def forward(x: Tensor) -> Tensor:
            mask = inside.to(x.device)
            parts = zip(self.channels, x.split(1, dim=1), strict=True)
            return torch.cat([channel(part, mask) for channel, part in parts], dim=1)

        return BoundTransform(forward, _same), forward(image[None])[0], space


@dataclass(frozen=True)
class Resample(Planned):
    """Resamples to the network's spacing, and its logits back.

    Attributes:
        spacing: in mm; a 2-D network has two and keeps the spacing between slices.
        image, logits: how each is resampled.
        exact: whether to call what nnU-Net calls, on logits in half precision, without a gradient.
    """

    spacing: tuple[float, ...]
    image: Resampler
    logits: Resampler
    exact: bool = False

    def __post_init__(self) -> None:
        if (self.image.kind == NOTHING) != (self.logits.kind == NOTHING):
            raise SegadvError(f"resampling function {NOTHING} is used one way only")

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        old = spacing_of(space)
        new = self.spacing if len(self.spacing) == 3 else (old[0], *self.spacing)
        shape = tuple(round(i / j * k) for i, j, k in zip(old, new, space.shape, strict=True))
        check_size(self.name, space, shape, new)
        there = self.image.stages(space.shape, shape, old, new)
        back = self.logits.stages(shape, space.shape, new, old)

        def forward(x: Tensor) -> Tensor:
            return self.image.itself(x, shape, old, new) if self.exact else _through(there, x)

        def backward(z: Tensor, way: Back) -> Tensor:
            if not self.exact:
                return _through(back, z)
            # Sums that were in half precision stay so: nnU-Net rounds the result once more.
            return self.logits.itself(z.half(), space.shape, new, old).float()

        after = forward(image[None])[0]
        step = BoundTransform(forward, backward)
        return step, after, Space(tuple(after.shape[1:]), _scaled(space, shape))


def _through(stages: Sequence[Stage], x: Tensor) -> Tensor:
    for stage in stages:
        x = stage(x)
    return x


def _scaled(space: Space, shape: Sequence[int]) -> Affine:
    """Return the affine of a grid of another shape over the same edges."""
    ratio = np.array(space.shape) / np.array(shape)
    affine = space.affine.copy()
    affine[:, -1] += affine[:, :-1] @ ((ratio - 1) / 2)
    affine[:-1, :-1] *= ratio
    return affine


def spacing_of(space: Space) -> tuple[float, ...]:
    """Return the distances between neighbouring pixels in mm."""
    return tuple(float(np.linalg.norm(column)) for column in space.affine[:-1, :-1].T)


def check_size(step: str, space: Space, shape: Sequence[int], spacing: Sequence[float]) -> None:
    """Raise SegadvError if a resampling leaves nothing of an image, or makes too much of it."""
    if not 0 < math.prod(shape) <= MOST_PIXELS:
        at = _mm(spacing_of(space))
        raise SegadvError(
            f"preprocessing step {step}: the image's {space.shape} pixels at {at} mm would be "
            f"{tuple(shape)} at the model's {_mm(spacing)} mm; use another image or model"
        )


def _mm(spacing: Sequence[float]) -> str:
    return " x ".join(f"{s:g}" for s in spacing)
