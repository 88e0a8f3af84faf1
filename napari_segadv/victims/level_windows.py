"""A sliding window over a network with maps of several resolutions, as detectors have them.

The maps of one level are blended as those of any other network, on their own grid; see `windows`
for the two passes that give the exact gradient in the memory of one window.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.tensors import applied
from ..errors import SegadvError
from .pieces import Index
from .window_places import importance, regular
from .windows import Passes, SlidingWindows

Levels = Callable[[Tensor], Sequence[Tensor]]


def fits_at_once(shape: Sequence[int], spec: SlidingWindows | None) -> bool:
    """Return whether a detector sees an image of a shape at once, as MONAI's decides.

    It does so if the image has fewer pixels than a window, whatever its shape.
    """
    return spec is None or prod(shape) < prod(_roi(spec, shape))


def _roi(spec: SlidingWindows, shape: Sequence[int]) -> tuple[int, ...]:
    from monai.utils import fall_back_tuple

    return tuple(int(n) for n in fall_back_tuple(spec.roi_size, tuple(shape)))


def sliding_levels(
    x: Tensor, network: Levels, spec: SlidingWindows, passes: Passes
) -> tuple[Tensor, ...]:
    """Compute what MONAI's sliding window makes of a network with several maps; differentiable.

    Args:
        x: (N, C, *S).
        network: (B, C, *roi) to maps (B, K, *s), each of a resolution of its own.
        spec: the sliding window.
        passes: counts the work.

    Returns:
        The maps (N, K, *s) of the whole image.
    """
    size = tuple(x.shape[2:])
    roi = _roi(spec, size)
    missing = [max(r - n, 0) for r, n in zip(roi, size, strict=True)]
    pads = [(m // 2, m - m // 2) for m in missing]
    if any(missing):
        constant = spec.padding_mode == "constant"
        flat = [p for pad in reversed(pads) for p in pad]
        x = F.pad(x, flat, mode=spec.padding_mode, value=spec.cval if constant else None)
    overlap = spec.overlap * len(roi) if len(spec.overlap) == 1 else spec.overlap
    places = tuple(regular(tuple(x.shape[2:]), roi, overlap))
    weight = importance(spec.mode, roi, spec.sigma_scale, x).to(x.dtype)
    maps: tuple[Tensor, ...]
    windows = _Windows(places, weight, tuple(x.shape[2:]), max(spec.sw_batch_size, 1))
    if x.requires_grad and torch.is_grad_enabled():
        made: Any = applied(_TwoPass, x, network, windows, passes)
        maps = tuple(made)
    else:
        with torch.no_grad():
            maps = _blended(x, network, windows, passes)
    if not any(missing):
        return maps
    return tuple(_cut(one, roi, size, pads) for one in maps)


def _cut(
    one: Tensor, roi: Sequence[int], size: Sequence[int], pads: Sequence[tuple[int, int]]
) -> Tensor:
    """Remove what padding has added to a map; like MONAI, by the map's size over the window's."""
    inside = []
    for length, r, n, (before, _) in zip(one.shape[2:], roi, size, pads, strict=True):
        zoom = length / r
        inside.append(slice(round(before * zoom), round((before + n) * zoom)))
    return one[:, :, *inside]


@dataclass(frozen=True)
class _Windows:
    """Windows over an image.

    Attributes:
        places: of each window on the image.
        weight: importance (1, 1, *roi) of a window's pixels.
        size: of the image.
        batch: how many windows go through the network at a time.
    """

    places: tuple[Index, ...]
    weight: Tensor
    size: tuple[int, ...]
    batch: int

    @property
    def roi(self) -> tuple[int, ...]:
        return tuple(self.weight.shape[2:])

    def chunks(self, items: int) -> list[list[tuple[int, Index]]]:
        """Return which item and place each window of each call has."""
        every = [(item, place) for item in range(items) for place in self.places]
        return [every[n : n + self.batch] for n in range(0, len(every), self.batch)]

    def zoomed(self, place: Index, shape: Sequence[int]) -> Index:
        """Return a place on the grid of a map that a window gives, of a shape."""
        zooms = [s / r for s, r in zip(shape, self.roi, strict=True)]
        return tuple(
            slice(int(p.start * z), int(p.stop * z)) for p, z in zip(place, zooms, strict=True)
        )

    def whole(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the size of the whole image's map, if a window's has a shape."""
        return tuple(int(n * s / r) for n, s, r in zip(self.size, shape, self.roi, strict=True))

    def shares(self, shapes: Sequence[Sequence[int]]) -> list[tuple[Tensor, Tensor]]:
        """Return, for each level, a window's weights and 1 / their sum on the whole map."""
        found, weight = [], self.weight
        for shape in shapes:
            # MONAI scales the weights of one level for the next.
            if tuple(shape) != tuple(weight.shape[2:]):
                weight = F.interpolate(weight, tuple(shape), mode="nearest-exact")
            total = weight.new_zeros(1, 1, *self.whole(shape))
            for place in self.places:
                total[:, :, *self.zoomed(place, shape)] += weight
            found.append((weight, total.reciprocal()))
        return found


def _taken(x: Tensor, chunk: Sequence[tuple[int, Index]]) -> Tensor:
    return torch.cat([x[item : item + 1, :, *place] for item, place in chunk])


def _blended(x: Tensor, network: Levels, windows: _Windows, passes: Passes) -> tuple[Tensor, ...]:
    chunks = windows.chunks(len(x))
    maps: list[Tensor] = []
    shares: list[tuple[Tensor, Tensor]] = []
    for chunk in chunks:
        found = network(_taken(x, chunk).clone())
        if not maps:
            shares = windows.shares([one.shape[2:] for one in found])
            maps = [
                one.new_zeros(len(x), one.shape[1], *windows.whole(one.shape[2:])) for one in found
            ]
        for one, whole, (weight, _) in zip(found, maps, shares, strict=True):
            for (item, place), part in zip(chunk, one * weight, strict=True):
                at: Any = (item, slice(None), *windows.zoomed(place, one.shape[2:]))
                whole[at] += part
        passes.forward += 1 / len(chunks)
        passes.on_piece()
    return tuple(whole * share for whole, (_, share) in zip(maps, shares, strict=True))


class _TwoPass(torch.autograd.Function):
    """Forward without a graph; backward runs the windows that matter again, with one."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, network: Levels, windows: _Windows, passes: Passes
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(x)
        ctx.parts = network, windows, passes
        return _blended(x, network, windows, passes)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        (x,) = ctx.saved_tensors
        network, windows, passes = ctx.parts
        out, chunks = torch.zeros_like(x), windows.chunks(len(x))
        for chunk in chunks:
            with torch.enable_grad():
                leaf = _taken(x, chunk).detach().clone().requires_grad_()
                found = network(leaf)
            shares = windows.shares([one.shape[2:] for one in found])
            pulled = [
                _cotangent(grad, chunk, windows, one, *share)
                for grad, one, share in zip(grads, found, shares, strict=True)
            ]
            follow = [n for n, one in enumerate(found) if one.requires_grad]
            if not follow:
                raise SegadvError(
                    "the network's output has no gradient; use it without its last step"
                )
            if any(bool(pulled[n].any()) for n in follow):
                maps = [found[n] for n in follow]
                (back,) = torch.autograd.grad(maps, leaf, [pulled[n] for n in follow])
                for (item, place), part in zip(chunk, back, strict=True):
                    out[item, :, *place] += part
                passes.backward += 1 / len(chunks)
            passes.forward += 1 / len(chunks)
            passes.on_piece()
        return out, None, None, None


def _cotangent(
    grad: Tensor,
    chunk: Sequence[tuple[int, Index]],
    windows: _Windows,
    one: Tensor,
    weight: Tensor,
    share: Tensor,
) -> Tensor:
    """Return the part of a map's gradient that falls on a chunk's windows."""
    parts = []
    for item, place in chunk:
        at = windows.zoomed(place, one.shape[2:])
        parts.append(grad[item : item + 1, :, *at] * share[:, :, *at] * weight)
    return torch.cat(parts)
