"""Reading tests that are refused, given up and begun again, and the keys of their windows."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from clicks import click
from helpers import disc_image, volume_victim
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
from readers import attacked, begin, shown, slice_shown

from napari_segadv.data.scan import Scan
from napari_segadv.measures.reading_test import PAIR
from napari_segadv.results.by_slice import most_changed
from napari_segadv.results.figure import changed_slice
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def docked(window):
    """The panel, in a viewer without runs."""
    return window.window.add_plugin_dock_widget("napari-segadv", "Reading test")[1]


def added(panel, example, name):
    data, keywords, _ = image_tuple(example.clean, name)
    return panel.controller.runs.add(example, panel.viewer.add_image(data, **keywords), name)


@pytest.fixture
def photograph(band_victim):
    return attacked(Scan.from_array(disc_image()), band_victim)


def unchanged(example):
    """An attack that has found nothing."""
    measures = {**example.measures, "linf": 0.0}
    noise = np.zeros_like(example.noise)
    return replace(example, adversarial=example.clean, noise=noise, measures=measures)


def test_a_run_of_two_equal_images_is_named_and_refused(docked, qtbot, photograph):
    added(docked, photograph, "changed")
    added(docked, unchanged(photograph), "same")
    click(qtbot, docked.start_button)
    assert docked.status.text() == "same: both images are the same; remove the tick"
    assert docked.test is None
    assert not docked.controller.jobs.busy
    docked.runs.item(1).setCheckState(Qt.Unchecked)
    test = begin(qtbot, docked)
    assert test.reading.names == ("changed",)
    click(qtbot, test.stop)


def exported(qtbot, panel, path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    click(qtbot, panel.export_button)
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_second_test_given_up_at_once_leaves_the_first_ones_result(
    docked, qtbot, photograph, tmp_path, monkeypatch
):
    added(docked, photograph, "mine")
    docked.seed.value = 5
    test = begin(qtbot, docked)
    qtbot.keyClick(test, "f")
    shown(qtbot, test)
    qtbot.keyClick(test, "f")
    qtbot.waitUntil(lambda: docked.test is None)
    found = docked.result.text()
    assert "1 of 2 right" in found
    docked.seed.value = 6
    test = begin(qtbot, docked)
    click(qtbot, test.stop)
    assert docked.test is None
    assert docked.result.text() == found
    lines = exported(qtbot, docked, tmp_path / "first.csv", monkeypatch)
    assert [(line["seed"], line["answer"]) for line in lines] == [("5", "unaltered")] * 2
    # One that is answered takes its place.
    test = begin(qtbot, docked)
    qtbot.keyClick(test, "j")
    shown(qtbot, test)
    click(qtbot, test.stop)
    assert "stopped after 1 of 2" in docked.result.text()
    (line,) = exported(qtbot, docked, tmp_path / "last.csv", monkeypatch)
    assert (line["seed"], line["answer"]) == ("6", "altered")


@pytest.fixture
def elsewhere(ct):
    """A volume whose image changed most in slice 3, and its prediction in slice 12 alone."""
    example = attacked(ct, volume_victim(2))
    noise = np.zeros(ct.grid.shape, np.float32)
    noise[3] = 5
    # A single large change is less to look at.
    noise[8, 0, 0] = 60
    array = (ct.array + noise).astype(ct.array.dtype)
    labels = example.prediction_clean.array.copy()
    labels[12] = 2 - labels[12]
    return replace(
        example,
        adversarial=replace(ct, array=array),
        noise=noise,
        prediction_adversarial=example.prediction_clean.with_array(labels),
    )


def test_it_starts_where_the_image_changed_not_where_the_prediction_did(docked, qtbot, elsewhere):
    assert most_changed(elsewhere) == 3
    assert changed_slice(elsewhere) == 12
    added(docked, elsewhere, "volume")
    docked.at_change.value = True
    test = begin(qtbot, docked)
    assert slice_shown(test) == 3
    click(qtbot, test.stop)
    docked.at_change.value = False
    test = begin(qtbot, docked)
    assert slice_shown(test) == 10
    click(qtbot, test.stop)


def test_the_full_range_of_an_x_ray_is_on_7_as_in_compare(window, docked, qtbot, photograph):
    run = added(docked, photograph, "mine")
    docked.controller.show_run(run)
    qtbot.waitUntil(lambda: docked.controller.runs.current is run)
    _, compare = window.window.add_plugin_dock_widget("napari-segadv", "Compare")
    assert [*compare.window_section.buttons] == [7]
    docked.mode.value = PAIR
    test = begin(qtbot, docked)
    assert "7 full range" in test.help.text()
    assert "1 " not in test.help.text()
    images = test.canvas.images
    for image in images:
        image.contrast_limits = (30, 60)
    for key in "123456":
        qtbot.keyClick(test, key)
    assert [tuple(image.contrast_limits) for image in images] == [(30, 60)] * 2
    qtbot.keyClick(test, "7")
    assert [tuple(image.contrast_limits) for image in images] == [(0, 255)] * 2
    assert len(test.reading.answers) == 0
    click(qtbot, test.stop)


def test_the_presets_of_a_ct_have_the_numbers_that_compare_has(window, docked, qtbot, elsewhere):
    run = added(docked, elsewhere, "volume")
    controller = Controller.of(window)
    controller.show_run(run)
    qtbot.waitUntil(lambda: controller.runs.current is run)
    _, compare = window.window.add_plugin_dock_widget("napari-segadv", "Compare")
    test = begin(qtbot, docked)
    (image,) = test.canvas.images
    for number, button in compare.window_section.buttons.items():
        name = button.text().split("  ")[1]
        assert f"{number} {name}" in test.help.text()
        compare.preset(number)
        qtbot.keyClick(test, str(number))
        np.testing.assert_allclose(image.contrast_limits, compare.comparison.window.limits)
    click(qtbot, test.stop)
