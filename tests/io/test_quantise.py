"""Rounding stays inside the budget, whatever the storage."""

import numpy as np
import pytest

from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.io.quantise import effective_epsilon, quantise

STORAGES = [
    Storage("uint8"),
    Storage("int16"),
    Storage("int16", 0.1, -1024.0),
    Storage("uint16", -0.5, 300.0),
    Storage("float32"),
    Storage("float64"),
]


def scan_of(storage: Storage, seed=0) -> Scan:
    rng = np.random.default_rng(seed)
    stored = rng.integers(0, 255, (20, 30))
    real = stored * storage.slope + storage.intercept
    if not storage.integer:
        real = real + rng.random(real.shape)
    kind = np.float32 if storage.slope != 1.0 else storage.dtype
    return Scan(real.astype(kind), Grid.pixels((20, 30)), "grey level", storage)


@pytest.mark.parametrize("storage", STORAGES, ids=str)
@pytest.mark.parametrize("norm", ["linf", "l2", "visible"])
@pytest.mark.parametrize("epsilon", [0.3, 0.5, 1.0, 5.1, 30.0])
def test_never_beyond_the_budget_and_always_storable(storage, norm, epsilon):
    scan = scan_of(storage)
    rng = np.random.default_rng(1)
    noise = epsilon * rng.uniform(-1, 1, scan.array.shape)
    scale = rng.uniform(0.05, 1, noise.shape).astype(np.float32) if norm == "visible" else None
    weighted = lambda change: change if scale is None else change * scale
    if norm != "linf":
        noise *= epsilon / np.linalg.norm(weighted(noise))
    out = quantise(scan, scan.array + noise, norm, epsilon, scale)
    moved = out.astype(np.float64) - scan.array.astype(np.float64)
    size = np.abs(moved).max() if norm == "linf" else np.linalg.norm(weighted(moved))
    if norm == "visible" and epsilon == 30.0:
        # The budget is used.
        assert size > 0.9 * epsilon
    assert size <= epsilon
    assert out.dtype == scan.array.dtype
    if storage.integer:
        steps = (out.astype(np.float64) - storage.intercept) / storage.slope
        assert np.abs(steps - np.rint(steps)).max() < 1e-2
        low, high = storage.limits
        assert low <= out.min()
        assert out.max() <= high


def test_rounding_uses_the_budget():
    scan = scan_of(Storage("int16"))
    scan = Scan(scan.array, scan.grid, "HU", scan.storage)
    out = quantise(scan, scan.array + 4.6, "linf", 4.9)
    assert set(np.unique(out - scan.array)) == {4}
    exact = quantise(scan, scan.array + 2.4, "linf", 4.9)
    assert set(np.unique(exact - scan.array)) == {2}


def test_half_a_grey_level_does_not_become_a_whole_one():
    scan = scan_of(Storage("uint8"))
    out = quantise(scan, scan.array + 0.5, "linf", 0.5)
    np.testing.assert_array_equal(out, scan.array)
    assert effective_epsilon(0.5, scan.storage) == 0.0
    assert effective_epsilon(5.1, scan.storage) == 5.0
    assert effective_epsilon(0.3, Storage("int16", 0.1)) == pytest.approx(0.3)
    assert effective_epsilon(0.3, Storage("float32")) == 0.3


def test_l2_rounds_up_where_it_matters_most():
    scan = Scan.from_array(np.full((1, 4), 100, np.uint8))
    out = quantise(scan, scan.array + np.array([[0.9, 0.8, 0.7, 0.6]]), "l2", np.sqrt(2.3))
    np.testing.assert_array_equal(out - scan.array, [[1, 1, 0, 0]])


def test_pixels_outside_the_bounds_stay_but_go_no_further():
    array = np.array([[-1200, -1000, 3000, 3300]], np.int16)
    scan = Scan(array, Grid.pixels((1, 4)), "HU", Storage("int16"))
    out = quantise(scan, array + np.array([[-50, -50, 100, 100]]), "linf", 100)
    np.testing.assert_array_equal(out, [[-1200, -1024, 3071, 3300]])
