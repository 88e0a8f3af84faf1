"""What a sliding window hides from a network: measured once for each, on an image at hand.

Where the receptive field is wider than a window, or where a layer normalises over all that it
sees, windows change what a network says. So one part of the image, around the middle of its
structures, is predicted once more in one piece, and its core, which has half a window around it on
every side, is compared with what the windows said.
"""

import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..common.memory import available
from ..common.wording import percent
from ..errors import SegadvError
from .windows import WHOLE_AXIS, Network, Passes, SlidingWindows, sliding

# From this share of equal pixels on, windows change nothing worth a warning.
ALIKE = 0.95
# Networks are made for sizes that are multiples of a power of two, at most this one.
MULTIPLE = 32
# Most pixels of a part that is wider than it has to be; it is half of the image at most, too.
MOST = 160**3
# Bytes that a network needs for each pixel of a part, roughly: three layers of 64 channels.
BYTES = 3 * 64 * 4

Part = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network has seen of an image, and what its windows said.

    Attributes:
        x: preprocessed images (N, C, *S).
        labels: the likeliest classes (N, *S).
    """

    x: Tensor
    labels: Tensor


class Known:
    """The notes that were measured, by network and windows."""

    def __init__(self) -> None:
        self._notes: weakref.WeakKeyDictionary[Any, dict[Any, tuple[str, ...]]]
        self._notes = weakref.WeakKeyDictionary()

    def get(self, network: Any, windows: SlidingWindows) -> tuple[str, ...] | None:
        """Return the notes of a network; None if they have not been measured."""
        with suppress(TypeError):
            return self._notes.get(network, {}).get(windows)
        return None

    def put(self, network: Any, windows: SlidingWindows, notes: tuple[str, ...]) -> None:
        """Keep the notes of a network for as long as it lives."""
        # Some objects can't be remembered: they are measured on each image.
        with suppress(TypeError):
            self._notes.setdefault(network, {})[windows] = notes


KNOWN = Known()


def agreement(
    seen: Seen,
    network: Network,
    classes: Callable[[Tensor], Tensor],
    windows: SlidingWindows,
    passes: Passes,
) -> float | None:
    """Return the share of the structures' pixels that a network predicts alike with more context.

    Args:
        seen: what it has seen, and what its windows said.
        network: (B, C, *roi) to (B, K, *roi), for other sizes than that of the window too.
        classes: turns its output into the classes that it says.
        windows: the sliding window.
        passes: counts the work; `passes.on_piece` is called after it.

    Returns:
        Of the pixels with a structure in either, the share of the same class; None if the image is
        not larger than a window, shows no structure, or the network takes no other size.
    """
    on = seen.labels != 0
    if not on.any():
        return None
    item = int(on.flatten(1).sum(1).argmax())
    size = tuple(seen.x.shape[2:])
    roi = tuple(
        n if r in (WHOLE_AXIS, None) else min(r, n)
        for n, r in zip(size, windows.roi_size, strict=True)
    )
    found = _parts(size, roi, list(_middle(on[item])))
    if found is None:
        return None
    part, core = found
    x = seen.x[item : item + 1, :, *part]
    whole = replace(windows, roi_size=tuple(x.shape[2:]))
    try:
        with torch.no_grad():
            wide = classes(sliding(x, network, whole, passes))[0]
    except (SegadvError, torch.OutOfMemoryError):
        return None
    inner = tuple(
        slice(c.start - p.start, c.stop - p.start) for c, p in zip(core, part, strict=True)
    )
    ours, theirs = seen.labels[item][core].to(wide.device), wide[inner]
    either = (ours != 0) | (theirs != 0)
    return float((ours == theirs)[either].float().mean()) if either.any() else None


def told(share: float | None, windows: SlidingWindows, size: Sequence[int]) -> tuple[str, ...]:
    """Return what a user should know of windows; nothing if nothing was measured.

    Args:
        share: as `agreement` returns it.
        windows: the sliding window.
        size: of what it slides over.
    """
    if share is None:
        return ()
    roi = " x ".join(
        str(n if r == WHOLE_AXIS else r) for n, r in zip(size, windows.roi_size, strict=True)
    )
    if share >= ALIKE:
        return (
            f"windows of {roi} pixels hide little from this model: where it was compared with "
            f"more of the image around them, {percent(share)} of the structures' pixels are "
            "predicted alike",
        )
    return (
        f"windows of {roi} pixels hide something from this model: where it was compared with more "
        f"of the image around them, only {percent(share)} of the structures' pixels are predicted "
        "alike; all figures are those of the windows",
    )


def _middle(on: Tensor) -> Iterator[int]:
    """Yield the median position of the pixels that are on, along each axis."""
    for axis in range(on.ndim):
        others = [other for other in range(on.ndim) if other != axis]
        along = (on.sum(others) if others else on.long()).cumsum(0)
        yield int((2 * along >= along[-1]).int().argmax())


def _parts(
    size: Sequence[int], roi: Sequence[int], middle: Sequence[int]
) -> tuple[Part, Part] | None:
    """Return the part that is predicted once more, and its core, which is compared.

    Each pixel of the core has at least half a window, or the image's border, on every side.

    Args:
        size: of the image.
        roi: of a window.
        middle: of the structures.

    Returns:
        None if the image has no room for more context, or the memory none for such a part.
    """
    steps = [min(r & -r, MULTIPLE) for r in roi]
    # A window of one slice belongs to a network that sees slices.
    growing = [r > 1 for r in roi]
    sizes = list(roi)
    for axis, (n, r, step) in enumerate(zip(size, roi, steps, strict=True)):
        if growing[axis]:
            most = math.ceil(r / 2 / step) * step
            sizes[axis] = r + min(most, (n - r) // step * step)
    while True:
        wider = [
            m + step if grows and m + step <= n else m
            for n, m, step, grows in zip(size, sizes, steps, growing, strict=True)
        ]
        if wider == sizes or math.prod(wider) > min(MOST, math.prod(size) / 2):
            break
        sizes = wider
    while math.prod(sizes) * BYTES > available() and sizes != list(roi):
        sizes = [max(n - step, r) for n, r, step in zip(sizes, roi, steps, strict=True)]
    if sizes == list(roi):
        return None
    part, core = [], []
    for n, r, m, wide in zip(size, roi, middle, sizes, strict=True):
        start = min(max(m - wide // 2, 0), n - wide)
        if wide < 2 * (r // 2) + 1 < n:
            # No room for a core inside: the border of the image is one.
            start = 0 if m < n / 2 else n - wide
        stop = start + wide
        part.append(slice(start, stop))
        first = start if start == 0 or r == 1 else start + r // 2
        last = stop if stop == n or r == 1 else stop - r // 2
        core.append(slice(first, last))
    if any(one.start >= one.stop for one in core):
        return None
    return tuple(part), tuple(core)
