"""The target while something goes on: drags that are broken off, strokes during a long change."""

import threading
from functools import wraps

import numpy as np
import pytest
from clicks import click, drained, move, steady
from compare_window import canvas, on_canvas
from designing import still
from helpers import PATIENCE, disc_image, disc_labels
from qtpy.QtCore import QPoint, Qt

from napari_segadv import targets

# In the middle of the first disc, and where it is dragged to: (row, column).
START, STOP = (24, 19), (20, 25)


@pytest.fixture
def designing(window, designing):
    """The panel with a target of two discs."""
    designing.target.value = window.add_labels(disc_labels(), name="mine")
    return designing


@pytest.fixture
def dragging(window, designing, qtbot):
    """The same with the mouse for structures, once the dock has its place."""
    steady(qtbot, window)
    click(qtbot, designing.drag_button)
    assert designing.drag_button.isChecked()
    return designing


def point(window, place):
    return QPoint(*map(round, on_canvas(window, place)))


def begin(window, qtbot):
    """Presses on the first disc and moves it, the button still held."""
    native = canvas(window)
    move(qtbot, native, point(window, START))
    qtbot.mousePress(native, Qt.LeftButton, pos=point(window, START))
    go_on(window, qtbot)


def go_on(window, qtbot):
    for share in (0.5, 1.0):
        between = [a + share * (b - a) for a, b in zip(START, STOP, strict=True)]
        move(qtbot, canvas(window), point(window, between), Qt.LeftButton)


def let_go(window, qtbot, panel):
    qtbot.mouseRelease(canvas(window), Qt.LeftButton, pos=point(window, STOP))
    still(qtbot, panel)


def middle(data):
    return np.array(np.nonzero(data == 1)).mean(axis=1)


def check_moves(window, qtbot, panel):
    """An undisturbed drag moves the disc, as one step of the history."""
    target = panel.designer.target
    begin(window, qtbot)
    let_go(window, qtbot, panel)
    moved = middle(target.data) - middle(disc_labels())
    np.testing.assert_allclose(moved, np.subtract(STOP, START), atol=1)
    assert (target.data == 1).sum() == (disc_labels() == 1).sum()
    target.undo()
    np.testing.assert_array_equal(target.data, disc_labels())


def test_a_drag_moves_a_structure(window, dragging, qtbot):
    check_moves(window, qtbot, dragging)


def test_another_layer_chosen_in_mid_drag_puts_the_structure_back(window, dragging, qtbot):
    target = dragging.designer.target
    begin(window, qtbot)
    assert (target.data != disc_labels()).any()
    window.layers.selection.active = window.layers["xray"]
    np.testing.assert_array_equal(target.data, disc_labels())
    go_on(window, qtbot)
    let_go(window, qtbot, dragging)
    np.testing.assert_array_equal(target.data, disc_labels())
    window.layers.selection.active = target
    check_moves(window, qtbot, dragging)


def test_dragging_switched_off_in_mid_drag_puts_the_structure_back(window, dragging, qtbot):
    target = dragging.designer.target
    begin(window, qtbot)
    qtbot.keyClick(canvas(window), Qt.Key_D, Qt.ShiftModifier)
    assert not dragging.drag_button.isChecked()
    np.testing.assert_array_equal(target.data, disc_labels())
    let_go(window, qtbot, dragging)
    np.testing.assert_array_equal(target.data, disc_labels())


@pytest.mark.parametrize("shape", [(12, 10), (48, 64)], ids=["smaller", "of the same size"])
def test_data_replaced_in_mid_drag_stay_as_they_were_given(window, dragging, qtbot, shape):
    target, given = dragging.designer.target, np.full(shape, 2, np.uint8)
    begin(window, qtbot)
    assert (target.data != disc_labels()).any()
    target.data = given
    go_on(window, qtbot)
    let_go(window, qtbot, dragging)
    assert target.data is given
    assert (given == 2).all()


def test_a_target_removed_in_mid_drag_is_no_trouble(window, dragging, qtbot):
    target = dragging.designer.target
    begin(window, qtbot)
    window.layers.remove(target)
    go_on(window, qtbot)
    qtbot.mouseRelease(canvas(window), Qt.LeftButton, pos=point(window, STOP))
    drained(qtbot)
    np.testing.assert_array_equal(target.data, disc_labels())
    assert not dragging.drag_button.isChecked()


@pytest.fixture
def slow(monkeypatch):
    """Shapes that wait: an event that says one is being computed, and one that lets it end."""
    begun, go_on, get = threading.Event(), threading.Event(), targets.get

    def waiting(name):
        shape = get(name)

        @wraps(shape)
        def wait(*given, **settings):
            begun.set()
            assert go_on.wait(PATIENCE)
            return shape(*given, **settings)

        return wait

    monkeypatch.setattr(targets, "get", waiting)
    return begun, go_on


@pytest.mark.parametrize("stroke", ["painted", "set"])
def test_what_is_painted_while_a_change_is_computed_stays(designing, qtbot, slow, stroke):
    panel, (begun, go_on) = designing, slow
    target = panel.designer.target
    panel.structure.value = 1
    click(qtbot, panel.change.buttons["grow"])
    panel.change.form.editors["mm"].value = 2.0
    click(qtbot, panel.apply_button)
    qtbot.waitUntil(begun.is_set)
    # Beside the discs, and a hole within the one that is being changed.
    places = ((3, 40, 2), (24, 19, 0))
    for row, column, label in places:
        if stroke == "painted":
            target.brush_size = 1
            target.paint((row, column), label)
        else:
            target.data_setitem((np.array([row]), np.array([column])), label)
    painted = target.data.copy()
    assert np.count_nonzero(painted != disc_labels()) == 2
    go_on.set()
    still(qtbot, panel)
    grown = (target.data == 1).sum()
    assert grown > (disc_labels() == 1).sum()
    assert [target.data[row, column] for row, column, _ in places] == [2, 0]
    click(qtbot, panel.undo_button)
    np.testing.assert_array_equal(target.data, painted)


def test_data_replaced_while_a_change_is_computed_stay_as_they_were_given(designing, qtbot, slow):
    panel, (begun, go_on) = designing, slow
    target, given = panel.designer.target, disc_labels()[::-1].copy()
    panel.structure.value = 1
    click(qtbot, panel.change.buttons["erase"])
    click(qtbot, panel.apply_button)
    qtbot.waitUntil(begun.is_set)
    target.data = given
    go_on.set()
    still(qtbot, panel)
    assert target.data is given
    np.testing.assert_array_equal(given, disc_labels()[::-1])


def test_a_change_that_changes_nothing_is_told(window, qtbot, band_victim):
    window.add_image(disc_image(), name="xray")
    _, panel = window.window.add_plugin_dock_widget("napari-segadv", "Target designer")
    panel.target.value = window.add_labels(disc_labels(), name="mine")
    panel.structure.value = 1
    click(qtbot, panel.change.buttons["resize"])
    panel.change.form.editors["size"].value = 1.0
    click(qtbot, panel.apply_button)
    still(qtbot, panel)
    assert panel.status.text() == "resize: changes nothing here"
