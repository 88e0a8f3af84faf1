"""How visible a change is in each window of a reading room, and in which it shows most."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from ..common.generators import finished
from ..common.wording import share
from ..data.scan import Array, Scan
from ..data.window_presets import WindowPreset, presets_for
from .images import SSIM_WINDOW, displayed, slice_ssim
from .similarity import mean_squared_error

# Yields the share done so far.
Looking = Generator[float, None, tuple["Seen", ...]]


@dataclass(frozen=True)
class Seen:
    """How two images differ in a window; both are clipped to its limits first.

    Only slices that differ are averaged: unchanged ones would inflate the score.

    Attributes:
        preset: the window.
        ssim: mean over slices; None if they are smaller than SSIM's kernel of 11 pixels.
        psnr: in dB, relative to the window's width; None if nothing differs in the window.
        mean_abs: mean |noise| as the window shows it, in the image's units.
        slices: how many slices differ; a 2-D image counts as one slice.
    """

    preset: WindowPreset
    ssim: float | None
    psnr: float | None
    mean_abs: float
    slices: int

    @property
    def ssim_shown(self) -> float | None:
        """SSIM as shown: to four decimals, rounded down, so that 1 means the same image."""
        return None if self.ssim is None else math.floor(1e4 * self.ssim) / 1e4

    @property
    def psnr_shown(self) -> float | None:
        """PSNR as shown: to one decimal."""
        return None if self.psnr is None else round(self.psnr, 1)


def seen_in_windows(
    clean: Scan, adversarial: Scan, presets: Sequence[WindowPreset] | None = None
) -> tuple[Seen, ...]:
    """Return how two images differ in each window.

    Args:
        clean, adversarial: on one grid.
        presets: the windows; by default those that make sense for the image.
    """
    return finished(seen_steps(clean, adversarial, presets))


def seen_steps(
    clean: Scan, adversarial: Scan, presets: Sequence[WindowPreset] | None = None
) -> Looking:
    """Compute `seen_in_windows` step by step; closing the generator stops it."""
    shown = presets_for(clean.units, clean.bounds) if presets is None else presets
    volume = clean.grid.ndim == 3
    before, after = (s.array if volume else s.array[None] for s in (clean, adversarial))
    count = len(before)
    sums, changed = np.zeros((len(shown), 3)), 0
    for number in range(count):
        a, b = before[number], after[number]
        if not np.array_equal(a, b):
            changed += 1
            for row, preset in enumerate(shown):
                x, y = (displayed(one, preset.limits, clean.negative) for one in (a, b))
                sums[row] += _slice_sums(x, y, preset, clean.colour)
                yield (number + (row + 1) / len(shown)) / count
    small = min(clean.grid.shape[-2:]) < SSIM_WINDOW
    means = sums / max(changed, 1)
    return tuple(
        Seen(preset, None if small else 1.0 + less, _psnr(preset, error), off, changed)
        for preset, (less, error, off) in zip(shown, means.tolist(), strict=True)
    )


def worst(table: Sequence[Seen]) -> Seen | None:
    """Return the window where the change shows most: lowest SSIM, then lowest PSNR, as shown.

    None if it shows in no window.
    """

    def rank(seen: Seen) -> tuple[float, float]:
        similar, noisy = seen.ssim_shown, seen.psnr_shown
        return 1.0 if similar is None else similar, math.inf if noisy is None else noisy

    visible = [seen for seen in table if seen.psnr is not None]
    return min(visible, key=rank, default=None)


def similarity_text(ssim: float | None, seen: Sequence[Seen] = ()) -> str:
    """Return the SSIM in the model's window, and in the window where the change shows most.

    Args:
        ssim: in the model's window; None: the image is too small, and nothing is said.
        seen: how visible the change is in each window, once that is measured.
    """
    if ssim is None:
        return ""
    text, most = f"SSIM {share(ssim)}", worst(seen)
    if most is None or most.ssim is None or len(seen) < 2:
        return text
    return f"{text}, worst window {share(most.ssim)} ({most.preset.name})"


def _slice_sums(
    a: Array, b: Array, preset: WindowPreset, colour: bool
) -> tuple[float, float, float]:
    """Return SSIM - 1, mean squared error and mean |difference| of a slice as displayed."""
    if np.array_equal(a, b):
        return 0.0, 0.0, 0.0
    similar = 0.0
    if min(a.shape[:2]) >= SSIM_WINDOW:
        similar = slice_ssim(a, b, preset.width, colour) - 1.0
    return similar, mean_squared_error(a, b), float(np.abs(a - b).mean(dtype=np.float64))


def _psnr(preset: WindowPreset, error: float) -> float | None:
    """Return the PSNR of the slices' mean squared error, which needs no copy of a volume."""
    return 10 * math.log10(preset.width**2 / error) if error > 0 else None
