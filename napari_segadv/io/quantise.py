"""Rounding an adversarial image to what its file can hold, without leaving the budget."""

import math

import numpy as np
import numpy.typing as npt

from ..data.scan import Array, Scan, Storage

Float = npt.NDArray[np.float64]

# Pixels rounded at a time.
SLAB = 2_000_000


def effective_epsilon(epsilon: float, storage: Storage) -> float:
    """Return the largest Linf distance within `epsilon` in whole storage steps."""
    quantum = storage.quantum
    return math.floor(epsilon / quantum + 1e-9) * quantum if quantum else epsilon


def quantise(
    scan: Scan,
    adversarial: npt.ArrayLike,
    norm: str,
    epsilon: float,
    scale: Array | None = None,
) -> Array:
    """Return the image nearest to `adversarial` that the scan's file can hold inside the budget.

    Args:
        scan: the clean scan.
        adversarial: intensities of the scan's shape, in its units.
        norm: "linf", or "l2" or "visible", which are taken over all pixels and channels.
        epsilon: the budget in the scan's units.
        scale: what each change is multiplied with before its square is taken, for "visible".

    Returns:
        Intensities as the file read back will give them, of the scan's shape and array type.
        Their distance to the clean array, computed in float64, is at most `epsilon`, and values
        stay in the scan's bounds except where the clean value lies outside.
    """
    adversarial = np.asarray(adversarial)
    if norm != "linf":
        return _nearest(scan.array, adversarial, scan, norm, epsilon, scale)
    # Linf bounds each pixel alone: rounding slab by slab avoids float64 copies of a volume.
    stored = np.empty_like(scan.array)
    count = max(1, SLAB // max(1, stored[:1].size))
    for first in range(0, len(stored), count):
        slab = slice(first, first + count)
        stored[slab] = _nearest(scan.array[slab], adversarial[slab], scan, norm, epsilon)
    return stored


def _nearest(
    array: Array,
    adversarial: Array,
    scan: Scan,
    norm: str,
    epsilon: float,
    scale: Array | None = None,
) -> Array:
    """As `quantise`, for the scan's whole array or a part of it."""
    clean = array.astype(np.float64)
    low = np.minimum(scan.bounds[0], clean)
    high = np.maximum(scan.bounds[1], clean)
    wanted = np.clip(adversarial.astype(np.float64), low, high)
    if scan.storage.integer:
        step = scan.storage.quantum
        return _whole_steps(clean, wanted, low, high, step, array.dtype, norm, epsilon, scale)
    return _floats(array, clean, wanted, norm, epsilon, scale)


def _whole_steps(
    clean: Float,
    wanted: Float,
    low: Float,
    high: Float,
    quantum: float,
    dtype: npt.DTypeLike,
    norm: str,
    epsilon: float,
    scale: Array | None,
) -> Array:
    """Round to integers: a whole number of storage steps away from the clean value."""
    exact = (wanted - clean) / quantum
    steps = np.rint(exact)
    if norm == "linf":
        most = math.floor(epsilon / quantum + 1e-9)
        steps = np.clip(steps, -most, most)
    else:
        steps = _inside_ball(exact, steps, epsilon / quantum, scale)
    # A bound need not be a whole step away from the clean value: stop short of it.
    steps = np.clip(steps, np.ceil((low - clean) / quantum), np.floor((high - clean) / quantum))
    stored: Array = (clean + steps * quantum).astype(dtype)
    if norm == "linf":
        # A slope such as 0.1 has no exact float: three steps of it can come out above 0.3.
        beyond = np.abs(stored.astype(np.float64) - clean) > epsilon
        stored[beyond] = (clean + (steps - np.sign(steps)) * quantum)[beyond]
    return stored


def _inside_ball(exact: Float, steps: Float, radius: float, scale: Array | None) -> Float:
    """Round towards zero, then up again where it matters most, as far as the ball has room."""
    weights = np.ones(()) if scale is None else scale.astype(np.float64) ** 2
    if (weights * steps**2).sum() <= radius**2:
        return steps
    low = np.trunc(exact)
    extra = np.where(steps != low, weights * (2 * np.abs(low) + 1), 0.0).ravel()
    order = np.argsort(-np.abs(exact - low).ravel(), kind="stable")
    spent = np.cumsum(extra[order]) <= radius**2 - (weights * low**2).sum()
    taken = np.zeros(extra.shape, dtype=bool)
    taken[order] = spent
    return np.where(taken.reshape(steps.shape), steps, low)


def _floats(
    array: Array, clean: Float, wanted: Float, norm: str, epsilon: float, scale: Array | None
) -> Array:
    """Round to floating point: the nearest number of the type inside the budget."""
    dtype = array.dtype
    if norm == "linf":
        stored = np.clip(wanted, clean - epsilon, clean + epsilon).astype(dtype)
        beyond = np.abs(stored.astype(np.float64) - clean) > epsilon
        stored[beyond] = np.nextafter(stored[beyond], array[beyond])
        return stored
    noise = wanted - clean
    length = float(np.linalg.norm(noise if scale is None else noise * scale))
    # Stay just inside the ball and round each value towards the clean one, so that the norm
    # can't leave it.
    shrink = min(1.0, epsilon / length) * (1 - 1e-12) if length else 1.0
    stored = (clean + shrink * noise).astype(dtype)
    beyond = np.abs(stored.astype(np.float64) - clean) > np.abs(shrink * noise)
    stored[beyond] = np.nextafter(stored[beyond], array[beyond])
    return stored
