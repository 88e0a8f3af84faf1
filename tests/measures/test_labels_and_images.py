"""Measures against independent implementations and by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from monai.metrics import SSIMMetric

from napari_segadv.data.presentation import Presentation
from napari_segadv.data.scan import Scan
from napari_segadv.data.window_presets import WindowPreset
from napari_segadv.measures.by_window import seen_in_windows
from napari_segadv.measures.images import distances, visibility
from napari_segadv.measures.labels import Overlap, away, moved_and_kept
from napari_segadv.measures.slice_visibility import visibility_by_slice


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    return rng.integers(0, 4, (30, 40)), rng.integers(0, 4, (30, 40))


def test_overlap_by_hand(maps):
    a, b = maps
    overlap = Overlap.of(a, b)
    for label in range(4):
        both, either = ((a == label) & (b == label)).sum(), ((a == label) | (b == label)).sum()
        assert overlap.iou(label) == both / either
        assert overlap.dice(label) == 2 * both / ((a == label).sum() + (b == label).sum())
    assert overlap.mean_iou() == pytest.approx(np.mean([overlap.iou(n) for n in (1, 2, 3)]))
    assert overlap.accuracy() == (a == b).mean()


def test_the_mean_is_over_the_references_structures():
    reference, prediction = np.array([0, 1, 1, 0]), np.array([0, 1, 1, 2])
    assert Overlap.of(prediction, reference).mean_iou() == 1.0
    empty = np.zeros(4, int)
    assert Overlap.of(empty, empty).mean_iou() == 1.0
    assert Overlap.of(reference, empty).mean_iou() == 0.0


def test_care_leaves_pixels_out(maps):
    a, b = maps
    care = np.zeros_like(a)
    care[:, :20] = 1
    assert Overlap.of(a, b, care).accuracy() == (a == b)[:, :20].mean()


def test_moved_and_kept_by_hand():
    clean, target = np.array([0, 1, 1, 2, 2, 2]), np.array([0, 1, 0, 2, 2, 1])
    prediction = np.array([2, 1, 0, 2, 0, 2])
    # Two of the four pixels that had to stay changed, one of them background; five are structures.
    assert moved_and_kept(prediction, target, clean) == (0.5, pytest.approx(1 - 2 / 5))
    assert moved_and_kept(clean, clean, clean) == (1.0, 1.0)
    care = np.array([1, 1, 1, 1, 0, 0])
    assert moved_and_kept(prediction, target, clean, care) == (1.0, pytest.approx(1 - 1 / 3))
    assert away(prediction, clean) == 2 / 5


def test_background_that_turns_into_a_structure_can_outweigh_all_structures():
    clean, target = np.zeros(100, int), np.zeros(100, int)
    target[:2] = 1
    assert moved_and_kept(np.ones(100, int), target, clean) == (1.0, 0.0)


def test_distances():
    a = Scan.from_array(np.full((20, 20), 100, np.uint8))
    array = a.array.copy()
    array[0, 0], array[1, 1] = 103, 96
    b = Scan.from_array(array)
    found = distances(a, b, (0.0, 255.0))
    assert found["linf"] == 4
    assert found["l2"] == 5
    assert found["mean_abs"] == 7 / 400
    assert found["linf_percent_of_window"] == pytest.approx(400 / 255)
    assert found["psnr"] == pytest.approx(10 * np.log10(255**2 * 400 / 25))
    assert distances(a, a, (0.0, 255.0))["psnr"] is None


def test_ssim_is_the_usual_one():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 255, (64, 48)).astype(np.uint8)
    b = np.clip(a + rng.normal(0, 20, a.shape), 0, 255).astype(np.uint8)
    ssim, _ = visibility(Scan.from_array(a), Scan.from_array(b), (0.0, 255.0))
    x, y = (torch.from_numpy(v.astype(np.float32))[None, None] for v in (a, b))
    theirs = SSIMMetric(spatial_dims=2, data_range=255.0)(x, y).item()
    # MONAI leaves the border out of the mean, skimage only 5 pixels of it.
    assert ssim == pytest.approx(theirs, abs=2e-3)


@pytest.mark.parametrize("shift", [-1024, -160, -40, 0, 500])
def test_ssim_is_that_of_the_image_as_it_is_displayed(shift):
    """Whatever numbers its grey values have: HU cross 0 where the display is grey, not black."""
    rng = np.random.default_rng(0)
    a = np.full((40, 40), 160, np.int16)
    a[10:30, 10:30] += 60
    a = a + rng.integers(-3, 4, a.shape).astype(np.int16)
    b = a + rng.integers(-5, 6, a.shape).astype(np.int16)
    x, y = (torch.from_numpy(v.astype(np.float32))[None, None] for v in (a, b))
    theirs = SSIMMetric(spatial_dims=2, data_range=400.0)(x, y).item()
    clean, other = (Scan.from_array(v + np.int16(shift), units="HU") for v in (a, b))
    window = (float(shift), 400.0 + shift)
    ssim, _ = visibility(clean, other, window)
    assert ssim == pytest.approx(theirs, abs=2e-3)
    preset = WindowPreset("", 200.0 + shift, 400.0)
    (seen,) = seen_in_windows(clean, other, [preset])
    assert seen.ssim == pytest.approx(ssim, abs=1e-6)
    stacks = (Scan.from_array(one.array[None], units="HU") for one in (clean, other))
    (less,) = visibility_by_slice(*stacks, window)
    assert 1 - less == pytest.approx(ssim, abs=1e-6)


def test_a_negative_has_the_ssim_of_the_film_that_it_shows():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 120, (40, 40)).astype(np.uint8)
    a[10:30, 10:30] += 100
    b = np.clip(a + rng.normal(0, 9, a.shape), 0, 255).astype(np.uint8)
    film = [Scan.from_array(v) for v in (a, b)]
    shown = Presentation.between(0.0, 255.0, "window of the header").inverted
    negative = [replace(Scan.from_array(255 - v), presentation=shown) for v in (a, b)]
    window = (20.0, 235.0)
    assert visibility(*negative, window) == visibility(*film, window)
    presets = [WindowPreset("", 127.5, 215.0)]
    assert seen_in_windows(*negative, presets) == seen_in_windows(*film, presets)


def test_what_lies_outside_the_window_is_invisible():
    array = np.zeros((20, 20), np.int16)
    array[5:10] = 1000
    other = array.copy()
    other[5:10] += 50
    ssim, psnr = visibility(Scan.from_array(array), Scan.from_array(other), (-160.0, 240.0))
    assert (ssim, psnr) == (1.0, None)


def test_small_and_deep_and_coloured():
    rng = np.random.default_rng(0)
    small = Scan.from_array(rng.integers(0, 9, (5, 5)).astype(np.uint8))
    assert visibility(small, small, (0.0, 255.0))[0] is None
    deep = rng.normal(0, 100, (6, 20, 20)).astype(np.float32)
    changed = deep.copy()
    changed[2] += rng.normal(0, 30, (20, 20))
    ssim, _ = visibility(Scan.from_array(deep), Scan.from_array(changed), (-300.0, 300.0))
    single, _ = visibility(Scan.from_array(deep[2]), Scan.from_array(changed[2]), (-300.0, 300.0))
    assert ssim == pytest.approx((5 + single) / 6)
    rgb = rng.integers(0, 255, (20, 20, 3)).astype(np.uint8)
    assert visibility(*[Scan.from_array(rgb, colour=True)] * 2, (0.0, 255.0)) == (1.0, None)
