"""Targets made in the attack panel: every field of the form with real keys, and what is asked for
with them."""

import numpy as np
import pytest
from clicks import click, idle, loaded
from controls import pick, tick, type_in
from helpers import disc_image, disc_labels
from qtpy.QtCore import Qt
from roles import has, role

from napari_segadv import targets
from napari_segadv.data.scan import Grid, Mask
from napari_segadv.viewer.layers.names import CLEAN, TARGET

SHAPE = (48, 64)


def cup():
    """A small disc of class 1 within a larger one of class 2."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    labels = np.zeros(SHAPE, np.uint8)
    labels[np.hypot(y - 24, x - 20) < 14] = 2
    labels[np.hypot(y - 24, x - 20) < 6] = 1
    return labels


@pytest.fixture
def ready(window, panel, qtbot, band_victim):
    """A photograph, a victim of three classes, and the user's own labels to start from."""
    window.add_image(disc_image(), name="xray")
    loaded(qtbot, panel, band_victim)
    window.add_labels(cup(), name="mine")
    pick(qtbot, panel.target_section.start, "mine")
    return panel


def made(window, panel, qtbot, shape, structure="dim", **settings):
    """A target made by a click; of fields what is typed or picked."""
    section = panel.target_section
    pick(qtbot, section.structure, structure)
    pick(qtbot, section.shape, shape)
    for name, value in settings.items():
        editor = section.form.editors[name]
        if name == "to":
            pick(qtbot, editor, value)
        elif name == "cover":
            tick(qtbot, editor)
        elif name in ("shift", "axes"):
            qtbot.waitUntil(editor.native.isVisible)
            editor.native.selectAll()
            qtbot.keyClicks(editor.native, value)
            qtbot.keyClick(editor.native, Qt.Key_Return)
        else:
            type_in(qtbot, editor, value)
    click(qtbot, section.button)
    idle(qtbot, panel.controller)
    assert panel.status.text() == "target made; paint on it if you like, then run"
    assert panel.target.value is role(window, TARGET)
    np.testing.assert_array_equal(window.layers["mine"].data, cup())
    return role(window, TARGET).data


def mask(labels=None):
    return Mask(cup() if labels is None else labels, Grid.pixels(SHAPE))


def test_a_target_starts_from_the_users_own_labels(window, ready, qtbot):
    np.testing.assert_array_equal(made(window, ready, qtbot, "paint freehand"), cup())
    pick(qtbot, ready.target_section.start, "the prediction")
    target = made(window, ready, qtbot, "paint freehand")
    np.testing.assert_array_equal(target, role(window, CLEAN).data)
    assert (target != cup()).any()


def test_the_structure_that_is_chosen_is_the_one_that_changes(window, ready, qtbot):
    target = made(window, ready, qtbot, "erase", structure="bright")
    np.testing.assert_array_equal(target, np.where(cup() == 2, 0, cup()))
    target = made(window, ready, qtbot, "erase", structure="dim")
    np.testing.assert_array_equal(target, np.where(cup() == 1, 0, cup()))


def test_what_a_structure_gives_up_becomes_what_is_chosen(window, ready, qtbot):
    target = made(window, ready, qtbot, "erase", to="what surrounds it")
    np.testing.assert_array_equal(target, np.where(cup() == 1, 2, cup()))
    target = made(window, ready, qtbot, "erase", to="bright")
    np.testing.assert_array_equal(target, np.where(cup() == 1, 2, cup()))
    target = made(window, ready, qtbot, "resize", to="what surrounds it", size="0.50")
    np.testing.assert_array_equal(target, targets.resize(mask(), 1, size=0.5, to=None).array)
    # Within the larger disc there is no hole.
    np.testing.assert_array_equal(target != 0, cup() != 0)
    assert 0 < (target == 1).sum() < (cup() == 1).sum()


def test_what_is_typed_reaches_the_shape(window, ready, qtbot):
    target = made(window, ready, qtbot, "shift", shift="3, -4")
    np.testing.assert_array_equal(target, targets.shift(mask(), 1, (3, -4)).array)
    assert (np.argwhere(target == 1).mean(0) - np.argwhere(cup() == 1).mean(0) == (3, -4)).all()
    target = made(window, ready, qtbot, "grow", structure="bright", mm="2.0")
    np.testing.assert_array_equal(target, targets.grow(mask(), 2, 2.0).array)
    target = made(window, ready, qtbot, "grow", mm="3.0", cover=True)
    np.testing.assert_array_equal(target, targets.grow(mask(), 1, 3.0, cover=True).array)
    assert (target == 1).sum() > (cup() == 1).sum()
    target = made(window, ready, qtbot, "ellipse", size="1.50", axes="4, 9")
    np.testing.assert_array_equal(target, targets.ellipse(mask(), 1, 1.5, (4, 9)).array)
    height, width = (np.ptp(places) + 1 for places in np.nonzero(target == 1))
    assert (height, width) == (13, 27)


def test_numbers_that_are_none_are_one_line(window, ready, qtbot):
    section = ready.target_section
    pick(qtbot, section.shape, "shift")
    editor = section.form.editors["shift"].native
    qtbot.waitUntil(editor.isVisible)
    editor.selectAll()
    qtbot.keyClicks(editor, "down")
    click(qtbot, section.button)
    assert not ready.controller.jobs.busy
    assert ready.status.text().startswith("shift=down: ")
    assert not has(window, TARGET)


def test_the_box_around_the_change_holds_the_noise(window, ready, qtbot):
    pick(qtbot, ready.target_section.start, "the prediction")
    target = made(window, ready, qtbot, "erase", structure="bright")
    pick(qtbot, ready.attack_section.region, "box around the change")
    ready.attack_section.form.editors["steps"].value = 3
    click(qtbot, ready.run_button)
    idle(qtbot, ready.controller)
    example = ready.controller.example
    assert example.record["inputs"]["region"] == "bounding-box"
    rows, columns = np.nonzero(target != example.prediction_clean.array)
    # It is well within the image, where the second disc is.
    assert rows.min() > 8
    assert columns.min() > 30
    box = np.zeros(SHAPE, bool)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    assert not example.noise[~box].any()
    assert (example.noise[box] != 0).mean() > 0.5
    assert (disc_labels()[box] == 2).any()
