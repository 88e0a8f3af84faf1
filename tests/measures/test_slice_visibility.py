"""How visible a change is in each slice: 0 where nothing is seen, and in step with SSIM."""

from dataclasses import replace

import numpy as np
import pytest

from napari_segadv.data.window_presets import PRESETS
from napari_segadv.errors import SegadvError
from napari_segadv.measures.images import displayed, slice_ssim
from napari_segadv.measures.slice_visibility import visibility_by_slice

MEDIASTINUM, LUNG = PRESETS[1].limits, PRESETS[0].limits


@pytest.fixture
def pair(ct):
    """A CT, and the same with a small change in slice 3, a large one in 8, and one in 12 in air."""
    array = ct.array.copy()
    rng = np.random.default_rng(0)
    array[3, 10:20, 10:20] += 5
    array[8, 10:30] += rng.integers(-40, 40, array[8, 10:30].shape).astype(array.dtype)
    array[12, :4] += 30
    return ct, replace(ct, array=array)


def test_only_changed_slices_are_seen_the_larger_change_more(pair):
    values = visibility_by_slice(*pair, MEDIASTINUM)
    assert values.shape == (20,)
    # The air is black in this window.
    assert set(np.flatnonzero(values)) == {3, 8}
    assert values[8] > values[3] > 0
    low, high = MEDIASTINUM
    a, b = (displayed(scan.array[8], MEDIASTINUM) for scan in pair)
    assert values[8] == pytest.approx(1 - slice_ssim(a, b, high - low, False))


def test_another_window_shows_other_slices(pair):
    assert visibility_by_slice(*pair, LUNG)[12] > 0


def test_slices_smaller_than_the_kernel(pair):
    small = []
    for scan in pair:
        grid = replace(scan.grid, shape=(20, 8, 9))
        small.append(replace(scan, array=scan.array[:, 8:16, 8:17], grid=grid))
    values = visibility_by_slice(*small, MEDIASTINUM)
    assert set(np.flatnonzero(values)) == {3, 8}
    low, high = MEDIASTINUM
    a, b = (np.clip(scan.array[3].astype(np.float32), low, high) for scan in small)
    assert values[3] == pytest.approx(np.abs(a - b).mean() / (high - low))


def test_it_can_be_stopped(pair):
    def stop():
        raise SegadvError("stopped")

    with pytest.raises(SegadvError):
        visibility_by_slice(*pair, MEDIASTINUM, stop)
