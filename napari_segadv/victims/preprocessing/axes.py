"""Linear maps along the axes of an image: permute, flip, crop, pad, resample, and the way back.

Every spatial step of a preprocessing chain is one of these. A resampling is a small matrix for
each axis: five times as fast as a general grid sampler, and its gradient is deterministic.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

Affine = npt.NDArray[np.float64]

# Logit of certain background, for pixels that a crop removed.
CERTAIN = 20.0

# Ways along an axis: from the image to the network, and back in one of two ways.
FORTH, LINEAR, NEAREST = "forth", "linear", "nearest"

# Torch's name of a padding mode for numpy's or its own.
PAD_MODES = {
    "constant": "constant",
    "edge": "replicate",
    "replicate": "replicate",
    "reflect": "reflect",
}


@dataclass(frozen=True)
class Back:
    """How values are mapped back.

    Attributes:
        nearest: take the nearest pixel's value instead of interpolating.
        certain: what the background gets where a crop removed pixels; elsewhere 0 is added.
    """

    nearest: bool = False
    certain: float = CERTAIN


BACK = Back()


@dataclass(frozen=True)
class AxisMap:
    """Where the pixels of one output axis lie on its input axis: scale * index + offset."""

    source: int
    scale: float
    offset: float
    size_in: int
    size_out: int

    @property
    def whole(self) -> bool:
        """True if output pixels fall on input pixels: a flip, crop or pad, or nothing at all."""
        unit = abs(abs(self.scale) - 1) < 1e-4
        last = self.scale * (self.size_out - 1) + self.offset
        return unit and all(abs(v - round(v)) < 1e-2 for v in (self.offset, last))

    @property
    def flips(self) -> bool:
        return self.scale < 0

    @property
    def pads(self) -> tuple[int, int]:
        """Pixels to add before and after (negative: to cut off), once flipped."""
        first = round(self.offset) if not self.flips else self.size_in - 1 - round(self.offset)
        return -first, self.size_out + first - self.size_in

    def matrix(self) -> Tensor:
        """Return weights (size_out, size_in) of linear interpolation, clamped at the border."""
        at = np.clip(np.arange(self.size_out) * self.scale + self.offset, 0, self.size_in - 1)
        below = np.clip(np.floor(at + 1e-9).astype(int), 0, max(self.size_in - 2, 0))
        share = at - below
        rows = np.arange(self.size_out)
        weights = np.zeros((self.size_out, self.size_in))
        weights[rows, below] += 1 - share
        weights[rows, np.minimum(below + 1, self.size_in - 1)] += share
        return torch.from_numpy(weights.astype(np.float32))

    def inverse_matrix(self) -> Tensor:
        """Return weights (size_in, size_out) that map values from the output axis back."""
        back = AxisMap(0, 1 / self.scale, -self.offset / self.scale, self.size_out, self.size_in)
        return back.matrix()

    @property
    def ties(self) -> bool:
        """True if a pixel lies half-way between two of the output's, so that both are nearest."""
        at = (np.arange(self.size_in) - self.offset) / self.scale
        return bool((np.abs(at - np.floor(at) - 0.5) < 1e-5).any())

    def nearest_inverse(self) -> Tensor:
        """Return the weights (size_in, size_out) of the nearest pixel, clamped at the border."""
        at = np.rint((np.arange(self.size_in) - self.offset) / self.scale).astype(int)
        weights = np.zeros((self.size_in, self.size_out), np.float32)
        weights[np.arange(self.size_in), np.clip(at, 0, self.size_out - 1)] = 1
        return torch.from_numpy(weights)


@dataclass(frozen=True)
class AxesMap:
    """An axis map for every output axis.

    Attributes:
        axes: one map for each output axis; their sources are a permutation.
        pad_mode, pad_value: how to pad, as in torch.nn.functional.pad.
        matrices: weights that replace linear interpolation, by output axis.
        inverses: the same for the way back, by output axis and by whether they are the nearest's.
        cached: weights by output axis, way, device and type.
    """

    axes: tuple[AxisMap, ...]
    pad_mode: str = "constant"
    pad_value: float = 0.0
    matrices: dict[int, Tensor] = field(default_factory=dict)
    inverses: dict[tuple[int, bool], Tensor] = field(default_factory=dict)
    cached: dict[tuple[int, str, str, str], Tensor] = field(default_factory=dict, repr=False)

    @property
    def cuts(self) -> bool:
        """Whether pixels are cut off."""
        return any(min(axis.pads) < 0 for axis in self.axes if axis.whole)

    @property
    def interpolates(self) -> bool:
        return not all(axis.whole for axis in self.axes)

    def forward(self, x: Tensor) -> Tensor:
        """Map an image (N, C, *input) to (N, C, *output)."""
        order = [axis.source for axis in self.axes]
        if order != sorted(order):
            x = x.permute(0, 1, *(2 + source for source in order))
        flipped = [2 + i for i, axis in enumerate(self.axes) if axis.whole and axis.flips]
        x = x.flip(flipped) if flipped else x
        x = self._pad(x, [axis.pads if axis.whole else (0, 0) for axis in self.axes])
        for i, axis in enumerate(self.axes):
            if not axis.whole:
                x = along(x, 2 + i, self._weights(i, FORTH, x))
        return x

    def backward(self, z: Tensor, way: Back = BACK) -> Tensor:
        """Map logits (N, K, *output) back to (N, K, *input); pixels cut off are background."""
        for i, axis in enumerate(self.axes):
            if not axis.whole:
                z = along(z, 2 + i, self._weights(i, NEAREST if way.nearest else LINEAR, z))
        pads = [axis.pads if axis.whole else (0, 0) for axis in self.axes]
        if any(before < 0 or after < 0 for before, after in pads):
            # Values are 0 where nothing was predicted; there the background gets more.
            inside = self._unpad(torch.ones_like(z[:1, :1]), pads)
            z = self._unpad(z, pads)
            z = torch.cat([z[:, :1] + way.certain * (1 - inside), z[:, 1:]], dim=1)
        else:
            z = self._unpad(z, pads)
        flipped = [2 + i for i, axis in enumerate(self.axes) if axis.whole and axis.flips]
        z = z.flip(flipped) if flipped else z
        order = [axis.source for axis in self.axes]
        if order != sorted(order):
            z = z.permute(0, 1, *(2 + int(i) for i in np.argsort(order)))
        return z

    def _weights(self, i: int, way: str, like: Tensor) -> Tensor:
        """Return an output axis's matrix for a way, made once for each device and type."""
        key = (i, way, str(like.device), str(like.dtype))
        if key not in self.cached:
            self.cached[key] = self._matrix(i, way).to(like)
        return self.cached[key]

    def _matrix(self, i: int, way: str) -> Tensor:
        axis = self.axes[i]
        if way == FORTH:
            return self.matrices[i] if i in self.matrices else axis.matrix()
        if (i, way == NEAREST) in self.inverses:
            return self.inverses[i, way == NEAREST]
        return axis.nearest_inverse() if way == NEAREST else axis.inverse_matrix()

    def _pad(self, x: Tensor, pads: Sequence[tuple[int, int]]) -> Tensor:
        if not any(any(pad) for pad in pads):
            return x
        crop = _flat((min(before, 0), min(after, 0)) for before, after in pads)
        grow = _flat((max(before, 0), max(after, 0)) for before, after in pads)
        x = F.pad(x, crop)
        if self.pad_mode == "constant":
            return F.pad(x, grow, value=self.pad_value)
        return F.pad(x, grow, mode=self.pad_mode)

    @staticmethod
    def _unpad(z: Tensor, pads: Sequence[tuple[int, int]]) -> Tensor:
        return F.pad(z, _flat((-before, -after) for before, after in pads))


def _flat(pads: "object") -> list[int]:
    """Return pads in torch's order: the last axis first."""
    return [p for pad in reversed(list(pads)) for p in pad]  # type: ignore[call-overload]


def along(x: Tensor, axis: int, weights: Tensor) -> Tensor:
    """Apply weights (out, in) along an axis."""
    if axis == x.ndim - 1:
        return x @ weights.T
    out: Tensor = (weights @ x.flatten(axis + 1)).unflatten(-1, x.shape[axis + 1 :])
    return out


def between(
    before: Affine, shape_in: Sequence[int], after: Affine, shape_out: Sequence[int]
) -> "AxesMap | None":
    """Map one grid to another, both index to world; None if their axes are not parallel."""
    xform = np.linalg.inv(before) @ after
    ndim = len(shape_in)
    axes = []
    for out in range(ndim):
        column = xform[:ndim, out]
        source = int(np.abs(column).argmax())
        others = np.delete(column, source)
        if np.abs(others).max(initial=0) * shape_out[out] > 1e-2:
            return None
        axes.append(
            AxisMap(source, column[source], xform[source, -1], shape_in[source], shape_out[out])
        )
    if sorted(axis.source for axis in axes) != list(range(ndim)):
        return None
    return AxesMap(tuple(axes))
