"""Figures of slices and of windows, against the whole image's, and verdicts as text."""

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from helpers import disc_image, volume_victim

import napari_segadv as sa
from napari_segadv.data.scan import Scan
from napari_segadv.data.window_presets import WindowPreset, presets_for
from napari_segadv.errors import Cancelled, SegadvError
from napari_segadv.measures.by_window import seen_in_windows, seen_steps, worst
from napari_segadv.measures.images import visibility
from napari_segadv.measures.labels import Overlap
from napari_segadv.results.by_slice import AREA, IOU, LARGEST, MEAN, slice_figures
from napari_segadv.results.verdicts import (
    Verdict,
    verdicts_from_json,
    verdicts_to_csv,
    verdicts_to_json,
)


@pytest.fixture
def volume_example(ct):
    """An example on a CT whose target erases the structure in slices 6 to 9."""
    victim = volume_victim(2)
    target = victim.predict(ct)
    labels = target.array.copy()
    labels[6:10] = 0
    attack = sa.attacks.PGD(epsilon=40.0, steps=4)
    return sa.craft(ct, victim, attack, target=target.with_array(labels))


def test_figures_of_a_volumes_slices(volume_example):
    example = volume_example
    figures = slice_figures(example)
    before, after = example.prediction_clean.array, example.prediction_adversarial.array
    assert len(figures) == 20
    for number in range(20):
        changed = (before[number] != after[number]).sum()
        assert figures.values[AREA][number] == pytest.approx(changed * 1.5 * 1.25)
        assert figures.values[LARGEST][number] == np.abs(example.noise[number]).max()
        assert figures.values[MEAN][number] == pytest.approx(np.abs(example.noise[number]).mean())
        overlap = Overlap.of(after[number], example.target.array[number])
        assert figures.values[IOU][number] == overlap.mean_iou()
    assert figures.values[LARGEST].max() == example.measures["linf"]
    assert figures.values[MEAN].mean() == pytest.approx(example.measures["mean_abs"])
    assert figures.column(AREA) == "changed area (mm²)"
    assert figures.column(LARGEST) == "largest noise (HU)"
    assert figures.column(IOU) == "target IoU"


def test_the_worst_slices_come_first_and_untouched_ones_not_at_all(volume_example):
    figures = slice_figures(volume_example)
    for name in (AREA, IOU, LARGEST, MEAN):
        order = figures.worst_first(name)
        bad = figures.badness(name)
        assert set(order) == set(np.flatnonzero(bad > 0).tolist())
        assert (np.diff(bad[order]) <= 0).all()
    assert figures.worst_first(AREA)[0] in range(6, 10)


def test_a_2d_image_is_one_slice_and_pixels_have_no_area(scan2d, band_victim):
    example = sa.craft(scan2d, band_victim, sa.attacks.PGD(epsilon=20.0, steps=2))
    figures = slice_figures(example)
    assert len(figures) == 1
    changed = example.prediction_clean.array != example.prediction_adversarial.array
    assert figures.values[AREA].tolist() == [changed.sum()]
    assert figures.column(AREA) == "changed area (pixels)"
    assert IOU not in figures.values


def test_predictions_that_are_no_masks_have_noise_alone(volume_example):
    figures = slice_figures(
        replace(volume_example, prediction_clean=1, prediction_adversarial=2, target=2)
    )
    assert list(figures.values) == [LARGEST, MEAN]


def test_figures_can_be_stopped(volume_example):
    def poll():
        raise Cancelled

    with pytest.raises(Cancelled):
        slice_figures(volume_example, poll)


def test_each_window_as_measured_on_the_whole(ct):
    rng = np.random.default_rng(1)
    array = ct.array.copy()
    array[5:12] += rng.integers(-25, 26, array[5:12].shape).astype(np.int16)
    other = replace(ct, array=array)
    table = seen_in_windows(ct, other)
    assert [seen.preset for seen in table] == list(presets_for("HU", ct.bounds))
    # Slices that did not change do not count.
    grid = replace(ct.grid, shape=(7, *ct.grid.shape[1:]))
    ct, other = (replace(scan, array=scan.array[5:12], grid=grid) for scan in (ct, other))
    for seen in table:
        assert seen.slices == 7
        ssim, psnr = visibility(ct, other, seen.preset.limits)
        assert seen.ssim == pytest.approx(ssim)
        assert seen.psnr == pytest.approx(psnr, rel=1e-5)
        clean, changed = (np.clip(s.array, *seen.preset.limits) for s in (ct, other))
        assert seen.mean_abs == pytest.approx(np.abs(changed - clean).mean(), rel=1e-5)
    found = worst(table)
    assert found.ssim == min(seen.ssim for seen in table)
    # A change of 25 HU is a third of 80, but next to nothing of the lung window's 1500.
    assert (table[3].preset.name, table[0].preset.name) == ("brain", "lung")
    assert table[3].psnr < table[0].psnr


def test_a_change_outside_a_window_does_not_show_in_it(ct):
    array = ct.array.copy()
    array[:, :4] += 50
    other = replace(ct, array=array)
    seen = {seen.preset.name: seen for seen in seen_in_windows(ct, other)}
    assert (seen["liver"].ssim, seen["liver"].psnr, seen["liver"].mean_abs) == (1.0, None, 0.0)
    assert seen["lung"].mean_abs > 0
    assert worst(tuple(seen.values())).preset.name in ("lung", "full range")
    assert worst(seen_in_windows(ct, ct)) is None


def test_psnr_breaks_ties():
    small = Scan.from_array(np.arange(48, dtype=np.uint8).reshape(6, 8))
    other = replace(small, array=small.array + np.uint8(2))
    windows = (WindowPreset("wide", 100, 200), WindowPreset("narrow", 25, 50))
    table = seen_in_windows(small, other, windows)
    assert [seen.ssim for seen in table] == [None, None]
    assert worst(table).preset.name == "narrow"
    assert table[0].psnr == pytest.approx(20 * math.log10(200 / 2))


def test_a_colour_image_has_its_full_range():
    colour = Scan.from_array(np.dstack([disc_image()] * 3), colour=True)
    array = colour.array.copy()
    array[10:20, 10:20, 0] += 9
    (seen,) = seen_in_windows(colour, replace(colour, array=array))
    assert seen.preset.name == "full range"
    ssim, psnr = visibility(colour, replace(colour, array=array), seen.preset.limits)
    assert (seen.ssim, seen.psnr) == (pytest.approx(ssim), pytest.approx(psnr))


def test_looking_says_how_far_it_is(ct):
    other = replace(ct, array=ct.array + np.int16(1))
    shares = list(seen_steps(ct, other))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


VERDICTS = {7: Verdict("obvious", 'a "ring"; left, kidney'), 2: Verdict("", "ask ökologe")}


def test_verdicts_go_to_json_and_back():
    values = json.loads(json.dumps(verdicts_to_json(VERDICTS)))
    assert [value["slice"] for value in values] == [2, 7]
    assert verdicts_from_json(values) == VERDICTS
    assert verdicts_from_json([]) == {}


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        [3],
        [{"slice": 1}],
        [{"slice": -1, "verdict": "obvious", "note": ""}],
        [{"slice": 1, "verdict": "sure", "note": ""}],
        [{"slice": "1", "verdict": "", "note": ""}],
    ],
)
def test_what_is_no_verdict_is_said_in_a_line(value):
    with pytest.raises(SegadvError, match="verdicts: "):
        verdicts_from_json(value)


def test_verdicts_as_a_table():
    columns = {"changed area (mm²)": np.arange(10) / 3}
    rows = list(csv.DictReader(verdicts_to_csv("pgd 1", VERDICTS, columns).splitlines()))
    assert [row["slice"] for row in rows] == ["2", "7"]
    assert rows[1] == {
        "run": "pgd 1",
        "slice": "7",
        "verdict": "obvious",
        "note": 'a "ring"; left, kidney',
        "changed area (mm²)": "2.33333",
    }
    assert rows[0]["verdict"] == ""
