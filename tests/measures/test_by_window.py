"""How visible a change is: only changed slices count, and windows are ranked as they are shown."""

from dataclasses import replace

import numpy as np
import pytest

from napari_segadv.data.scan import Grid, Scan
from napari_segadv.data.window_presets import PRESETS, WindowPreset
from napari_segadv.measures.by_window import Seen, seen_in_windows, worst
from napari_segadv.measures.images import visibility

BRAIN, LUNG = PRESETS[3], PRESETS[0]


def changed(scan, *numbers, size=25):
    """The scan with noise on some slices only."""
    array = scan.array.copy()
    for number in numbers:
        random = np.random.default_rng(number)
        array[number] += random.integers(-size, size + 1, array[number].shape).astype(array.dtype)
    return replace(scan, array=array)


def slice_of(scan, number):
    """One slice of a scan as a 2-D scan."""
    array = scan.array[number]
    return Scan(array, Grid.pixels(array.shape), scan.units, scan.storage)


@pytest.mark.parametrize("number", [0, 7, 19])
def test_one_changed_slice_is_as_visible_as_in_an_image_of_its_own(ct, number):
    other = changed(ct, number)
    table = seen_in_windows(ct, other, PRESETS)
    alone = seen_in_windows(slice_of(ct, number), slice_of(other, number), PRESETS)
    for deep, flat in zip(table, alone, strict=True):
        assert (deep.slices, flat.slices) == (1, 1)
        assert deep.ssim == pytest.approx(flat.ssim, rel=1e-12)
        assert deep.psnr == pytest.approx(flat.psnr, rel=1e-12)
        assert deep.mean_abs == pytest.approx(flat.mean_abs, rel=1e-12)
        ssim, psnr = visibility(slice_of(ct, number), slice_of(other, number), deep.preset.limits)
        assert (deep.ssim, deep.psnr) == (pytest.approx(ssim), pytest.approx(psnr, rel=1e-5))


def test_several_changed_slices_count_alike_and_others_not_at_all(ct):
    numbers = (2, 9, 10)
    other = changed(ct, *numbers)
    (seen,) = seen_in_windows(ct, other, [BRAIN])
    each = [seen_in_windows(slice_of(ct, n), slice_of(other, n), [BRAIN])[0] for n in numbers]
    assert seen.slices == 3
    assert seen.ssim == pytest.approx(np.mean([one.ssim for one in each]))
    assert seen.mean_abs == pytest.approx(np.mean([one.mean_abs for one in each]))
    errors = [10 ** (-one.psnr / 10) for one in each]
    assert seen.psnr == pytest.approx(-10 * np.log10(np.mean(errors)))


def test_untouched_slices_do_not_flatter(ct):
    other = changed(ct, 5)
    few = replace(
        ct,
        array=ct.array[4:7],
        grid=replace(ct.grid, shape=(3, *ct.grid.shape[1:])),
    )
    part = replace(few, array=other.array[4:7])
    of_many, of_few = (seen_in_windows(*pair, [BRAIN])[0] for pair in ((ct, other), (few, part)))
    assert of_many == of_few


@pytest.mark.parametrize("numbers", [(), (3,), (0, 19), tuple(range(20))])
def test_the_number_of_changed_slices(ct, numbers):
    for seen in seen_in_windows(ct, changed(ct, *numbers), PRESETS):
        assert seen.slices == len(numbers)
        if not numbers:
            assert (seen.ssim, seen.psnr, seen.mean_abs) == (1.0, None, 0.0)


def test_a_slice_that_changed_outside_a_window_counts_in_it(ct):
    other = changed(ct, 5)
    array = other.array.copy()
    # Air, which a window of the brain clips to one value.
    array[12, :4] += 20
    other = replace(ct, array=array)
    (seen,) = seen_in_windows(ct, other, [BRAIN])
    (alone,) = seen_in_windows(slice_of(ct, 5), slice_of(other, 5), [BRAIN])
    assert seen.slices == 2
    assert 1 - seen.ssim == pytest.approx((1 - alone.ssim) / 2)


def test_a_2d_image_is_one_slice(scan2d):
    array = scan2d.array.copy()
    assert [seen.slices for seen in seen_in_windows(scan2d, scan2d)] == [0]
    array[4, 5] ^= 1
    assert [seen.slices for seen in seen_in_windows(scan2d, replace(scan2d, array=array))] == [1]


def row(name, ssim, psnr):
    """A row of the table of windows."""
    return Seen(WindowPreset(name, 0.0, 100.0), ssim, psnr, 1.0, 1)


@pytest.mark.parametrize("turned", [False, True])
def test_of_windows_that_read_the_same_the_lower_psnr_is_the_worst(turned):
    # Both read 0.9712; the one whose SSIM is a millionth lower hides the change better.
    table = [row("calm", 0.971231, 40.0), row("noisy", 0.971232, 31.0)]
    assert [one.ssim_shown for one in table] == [0.9712, 0.9712]
    assert worst(table[::-1] if turned else table).preset.name == "noisy"


@pytest.mark.parametrize("turned", [False, True])
def test_of_windows_that_read_differently_the_lower_ssim_is_the_worst(turned):
    table = [row("calm", 0.9711, 40.0), row("noisy", 0.9712, 31.0)]
    assert worst(table[::-1] if turned else table).preset.name == "calm"


def test_of_windows_that_read_the_same_in_all_the_first_is_the_worst():
    table = [row("first", 0.97123, 31.04), row("second", 0.97122, 31.01)]
    assert worst(table).preset.name == "first"


def test_an_image_that_differs_never_reads_as_the_same():
    assert row("", 0.99999, 60.0).ssim_shown == 0.9999
    assert row("", 1.0, None).ssim_shown == 1.0
    assert row("", 1.0, None).psnr_shown is None
    assert row("", None, 31.26).ssim_shown is None
    assert row("", None, 31.26).psnr_shown == 31.3
