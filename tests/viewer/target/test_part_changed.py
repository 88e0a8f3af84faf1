"""The target designer changes one part of a structure that was picked in the image."""

import numpy as np
import pytest
from clicks import click, drag
from compare_window import canvas, on_canvas
from controls import pick
from designing import still
from qtpy.QtCore import QPoint, Qt

from napari_segadv.viewer.target.designer import NO_TARGET


def two():
    labels = np.zeros((48, 64), np.uint8)
    labels[10:20, 8:20] = labels[12:20, 40:48] = 1
    labels[30:40, 20:40] = 2
    return labels


LEFT, RIGHT = np.arange(64) < 30, np.arange(64) >= 30


@pytest.fixture
def mine(window, designing, qtbot):
    """The user's own labels as the target: two parts of one class."""
    window.add_labels(two(), name="mine")
    pick(qtbot, designing.target, "mine")
    designing.structure.value = 2
    return designing.designer.target


def pixel(window, place):
    return QPoint(*map(round, on_canvas(window, place)))


def picked(qtbot, window, designing, place):
    part = designing.part
    click(qtbot, part.button)
    qtbot.mouseClick(canvas(window), Qt.LeftButton, pos=pixel(window, place))
    qtbot.waitUntil(lambda: part.chosen is not None and not part._latest.busy)
    return part


def applied(qtbot, designing, shape):
    click(qtbot, designing.change.buttons[shape])
    click(qtbot, designing.apply_button)
    still(qtbot, designing)


def test_only_the_part_changes_and_undo_brings_it_back(window, designing, mine, qtbot):
    part = picked(qtbot, window, designing, (15, 44))
    assert designing.structure.value == 1 == mine.selected_label
    assert part.text.text() == "dim, the one on the right of the image (64 pixels)"
    applied(qtbot, designing, "erase")
    np.testing.assert_array_equal(mine.data, np.where(RIGHT & (two() == 1), 0, two()))
    click(qtbot, designing.undo_button)
    np.testing.assert_array_equal(mine.data, two())


def test_a_part_that_grows_is_still_the_part(window, designing, mine, qtbot):
    part = picked(qtbot, window, designing, (15, 14))
    for _ in range(2):
        before = int((mine.data[:, :30] == 1).sum())
        click(qtbot, designing.change.buttons["grow"])
        designing.change.form.editors["mm"].value = 1.0
        click(qtbot, designing.apply_button)
        still(qtbot, designing)
        now = int((mine.data[:, :30] == 1).sum())
        assert now > before
        qtbot.waitUntil(lambda now=now: part.chosen.part.pixels == now)
        assert f"({now} pixels)" in part.text.text()
    np.testing.assert_array_equal(mine.data[:, 30:], two()[:, 30:])


def test_a_part_that_is_gone_is_picked_no_more(window, designing, mine, qtbot):
    part = picked(qtbot, window, designing, (15, 14))
    applied(qtbot, designing, "erase")
    qtbot.waitUntil(lambda: part.chosen is None)
    assert part.settings() == {}


def test_the_whole_class_again(window, designing, mine, qtbot):
    part = picked(qtbot, window, designing, (15, 14))
    click(qtbot, part.whole_button)
    applied(qtbot, designing, "erase")
    assert not (mine.data == 1).any()
    picked(qtbot, window, designing, (35, 30))
    designing.structure.value = 1
    assert part.chosen is None


def test_the_mouse_drags_the_part(window, designing, mine, qtbot):
    picked(qtbot, window, designing, (15, 44))
    click(qtbot, designing.drag_button)
    start, end = pixel(window, (15, 44)), pixel(window, (21, 50))
    drag(qtbot, canvas(window), start, end)
    # In mid-drag the other part lies where it lay.
    np.testing.assert_array_equal(mine.data[:, :30], two()[:, :30])
    assert (mine.data[:, 30:] != two()[:, 30:]).any()
    # A mouse that rests for a while: the part is looked for only when it lies somewhere again.
    measured = []
    designing.designer.watch.measured.connect(measured.append)
    qtbot.waitUntil(lambda: bool(measured))
    qtbot.waitUntil(lambda: not designing.part._latest.busy)
    qtbot.mouseRelease(canvas(window), Qt.LeftButton, pos=end)
    still(qtbot, designing)
    np.testing.assert_array_equal(mine.data[:, :30], two()[:, :30])
    moved = np.argwhere((mine.data == 1) & RIGHT).mean(0)
    np.testing.assert_allclose(moved, np.argwhere((two() == 1) & RIGHT).mean(0) + 6, atol=1)
    # It is still the one that was picked, where it lies now.
    qtbot.waitUntil(lambda: not designing.part._latest.busy)
    assert designing.part.chosen.part.pixels == 64
    click(qtbot, designing.change.buttons["erase"])
    qtbot.waitUntil(lambda: mine.data[designing.part.chosen.part.point] == 1)
    click(qtbot, designing.apply_button)
    still(qtbot, designing)
    np.testing.assert_array_equal(mine.data == 1, (two() == 1) & LEFT)


def test_picking_ends_dragging_and_needs_a_target(window, designing, qtbot):
    click(qtbot, designing.part.button)
    assert designing.part.text.text() == NO_TARGET
    window.add_labels(two(), name="mine")
    pick(qtbot, designing.target, "mine")
    click(qtbot, designing.drag_button)
    click(qtbot, designing.part.button)
    assert not designing.drag.on
    assert designing.part.button.isChecked()
