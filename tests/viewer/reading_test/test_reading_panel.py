"""The reading test in a real window: what is shown, what is hidden, what comes out."""

import csv

import numpy as np
import pytest
from clicks import click
from helpers import disc_image
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QFileDialog, QLabel
from readers import attacked, begin, shown

from napari_segadv.data.scan import Scan
from napari_segadv.measures.reading_test import ALONE, ALTERED, LEFT, PAIR, UNALTERED
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.reading_test import window as reading_window
from napari_segadv.viewer.reading_test.covers import Cover

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def examples(band_victim):
    scans = [Scan.from_array(np.roll(disc_image(), 5 * n, axis=1)) for n in range(2)]
    return [attacked(scan, band_victim) for scan in scans]


@pytest.fixture
def reader(window, examples):
    """The panel with two runs of 2-D images; the second is shown."""
    controller = Controller.of(window)
    for example in examples:
        layer = window.add_layer(Image(example.clean.array, name="my scan"))
        controller.runs.add(example, layer)
    window.add_image(examples[1].adversarial.array, name="adversarial")
    return window.window.add_plugin_dock_widget("napari-segadv", "Reading test")[1]


def expected(test, example):
    """The arrays that the present trial has to show, left to right."""
    trial, clean, altered = test.reading.trial, example.clean.array, example.adversarial.array
    if test.reading.mode == ALONE:
        return [altered if trial.shown == ALTERED else clean]
    return [altered, clean] if trial.shown == LEFT else [clean, altered]


def check_shown(test, examples):
    wanted = expected(test, examples[test.reading.trial.run])
    assert len(test.canvas.images) == len(wanted)
    for image, array in zip(test.canvas.images, wanted, strict=True):
        np.testing.assert_array_equal(image.data, array)


def answer_all(qtbot, test, key_for, examples):
    """Answers every trial by a key or a button."""
    for number in range(len(test.reading.trials)):
        shown(qtbot, test)
        check_shown(test, examples)
        act = key_for(test.reading.trial)
        if isinstance(act, str):
            qtbot.keyClick(test, act)
        else:
            click(qtbot, act)
        assert len(test.reading.answers) == number + 1


def test_one_at_a_time_answered_right_by_keys(reader, qtbot, examples):
    test = begin(qtbot, reader)
    assert "1 of 4" in test.progress.text()
    answer_all(qtbot, test, lambda trial: "j" if trial.shown == ALTERED else "f", examples)
    qtbot.waitUntil(lambda: reader.test is None)
    assert "4 of 4 right (100 %)" in reader.result.text()
    assert "95 % interval 40 % to 100 %" in reader.result.text()
    # Two of two, corrected: z(2.5 / 3) = .967, twice.
    assert "d' 1.93" in reader.result.text()
    assert all(a.seconds > 0 for a in reader.reading.answers)


def test_side_by_side_answered_by_buttons(reader, qtbot, examples):
    reader.mode.value, reader.seed.value = PAIR, 4
    test = begin(qtbot, reader)
    answer_all(qtbot, test, lambda t: test.second if t.shown == LEFT else test.first, examples)
    qtbot.waitUntil(lambda: reader.test is None)
    assert "0 of 2 right" in reader.result.text()
    assert reader.reading.seed == 4


def test_nothing_on_the_screen_gives_the_answer_away(reader, window, qtbot, examples):
    reader.mode.value = PAIR
    test = begin(qtbot, reader)
    one, other = test.canvas.images
    assert (one.name, other.name) == ("image A", "image B")
    assert one.metadata == other.metadata == {}
    assert one.contrast_limits == other.contrast_limits
    assert one.contrast_limits_range == other.contrast_limits_range
    assert one.colormap.name == other.colormap.name
    assert test.windowTitle() == "Reading test"
    assert test.canvas.model.title == ""
    assert test.canvas._layers is None, "a layer list has been made"
    words = " ".join(label.text() for label in test.findChildren(QLabel)).lower()
    for tell in ("adversarial", "my scan", "pgd"):
        assert tell not in words
    # All other windows lie under a sheet, and none of them takes a click.
    assert test.isModal()
    main = window.window._qt_window
    (cover,) = main.findChildren(Cover)
    assert cover.geometry() == main.rect()
    seen = main.grab().toImage()
    colours = {seen.pixelColor(x, y).name() for x in range(0, 1200, 40) for y in range(0, 350, 25)}
    assert len(colours) == 1
    qtbot.keyClick(test, "f")
    shown(qtbot, test)
    qtbot.keyClick(test, "f")
    qtbot.waitUntil(lambda: reader.test is None)
    qtbot.waitUntil(lambda: not main.findChildren(Cover))


def test_floating_panels_are_covered_too(reader, window, qtbot):
    other = QLabel("slice 17 changed most")
    dock = window.window.add_dock_widget(other, name="other", area="right")
    dock.setFloating(True)
    test = begin(qtbot, reader)
    assert dock.findChildren(Cover)
    click(qtbot, test.stop)
    qtbot.waitUntil(lambda: not dock.findChildren(Cover))
    assert other.isVisible()


def test_a_blank_screen_between_two_trials_takes_no_answer(reader, qtbot, monkeypatch):
    monkeypatch.setattr(reading_window, "BLANK", 300)
    test = begin(qtbot, reader)
    qtbot.keyClick(test, "f")
    assert test.canvas.images == []
    assert not test.first.isEnabled()
    qtbot.keyClick(test, "f")
    assert len(test.reading.answers) == 1
    shown(qtbot, test)
    assert test.first.isEnabled()
    click(qtbot, test.stop)


def test_images_lie_on_black_in_a_light_theme_too(reader, qtbot, window):
    window.theme = "light"
    test = begin(qtbot, reader)
    qtbot.waitUntil(lambda: test.canvas.canvas.native.isVisible())
    picture = test.canvas.canvas.screenshot()
    assert picture.pixelColor(2, picture.height() // 2).getRgb()[:3] == (0, 0, 0)
    click(qtbot, test.stop)


def test_stopping_keeps_what_was_answered(reader, qtbot, tmp_path, monkeypatch, window):
    before = [(layer.name, layer.visible) for layer in window.layers]
    test = begin(qtbot, reader)
    said = ALTERED if test.reading.trial.shown == ALTERED else UNALTERED
    qtbot.keyClick(test, "j" if said == ALTERED else "f")
    shown(qtbot, test)
    # Escape is no way to lose a test by mistake, nor is Enter one to answer.
    qtbot.keyClick(test, Qt.Key_Escape)
    qtbot.keyClick(test, Qt.Key_Return)
    qtbot.keyClick(test, Qt.Key_Space)
    assert test.isVisible()
    assert len(test.reading.answers) == 1
    click(qtbot, test.stop)
    assert reader.test is None
    assert "stopped after 1 of 4" in reader.result.text()
    assert [(layer.name, layer.visible) for layer in window.layers] == before
    path = tmp_path / "me"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    click(qtbot, reader.export_button)
    with (tmp_path / "me.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert (line["answer"], line["right"], line["mode"]) == (said, "1", ALONE)
    assert line["run"] in ("pgd 1", "pgd 2")
    assert (tmp_path / "me-summary.csv").is_file()


def test_a_file_that_can_not_be_written_is_one_line(reader, qtbot, tmp_path):
    test = begin(qtbot, reader)
    qtbot.keyClick(test, "f")
    shown(qtbot, test)
    test.close()
    reader.export(tmp_path / "none" / "me.csv")
    assert "can't be written" in reader.status.text()


def test_closing_the_window_is_stopping(reader, qtbot):
    test = begin(qtbot, reader)
    test.close()
    assert reader.test is None
    assert "nothing was answered" in reader.result.text()
    assert not reader.export_button.isEnabled()
    assert reader.start_button.isEnabled()


def test_runs_are_chosen_by_ticks(reader, qtbot, examples):
    runs = reader.controller.runs
    first, second = runs
    assert reader.chosen == [first, second]
    reader.runs.item(0).setCheckState(Qt.Unchecked)
    runs.rename(second, "big heart")
    third = runs.add(examples[0], None)
    assert reader.chosen == [second, third]
    assert reader.runs.item(1).text() == "big heart"
    runs.remove(third)
    reader.runs.item(1).setCheckState(Qt.Unchecked)
    assert not reader.start_button.isEnabled()
    assert "tick" in reader.status.text()


def test_a_run_removed_and_an_image_closed_in_mid_test(reader, window, qtbot, examples):
    test = begin(qtbot, reader)
    window.layers.clear()
    for run in reader.controller.runs:
        reader.controller.runs.remove(run)
    answer_all(qtbot, test, lambda trial: "f", examples)
    qtbot.waitUntil(lambda: reader.test is None)
    assert "2 of 4 right" in reader.result.text()


def test_a_seed_repeats_the_order(reader, qtbot):
    orders = []
    for seed in (3, 3, 8):
        reader.seed.value = seed
        test = begin(qtbot, reader)
        orders.append(test.reading.trials)
        click(qtbot, test.stop)
    assert orders[0] == orders[1] != orders[2]


def test_naparis_own_keys_do_nothing_in_the_test(reader, qtbot):
    test = begin(qtbot, reader)
    canvas = test.canvas.canvas.native
    qtbot.mouseClick(canvas, Qt.LeftButton)
    # A click gives it no focus, so keys go to the window.
    focus = test.focusWidget() or test
    assert focus is not canvas
    for keys in ("V", "2", "Ctrl+Y", "Ctrl+Del", "Ctrl+G"):
        code = QKeySequence(keys)[0]
        qtbot.keyClick(focus, code.key(), code.keyboardModifiers())
    assert [image.visible for image in test.canvas.images] == [True]
    assert test.canvas.images[0].mode == "pan_zoom"
    assert test.canvas.model.dims.ndisplay == 2
    # Nor were they answers.
    assert test.reading.answers == []
    click(qtbot, test.stop)
