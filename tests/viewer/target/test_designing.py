"""The target designer with real drags, keys and strokes: what a structure leaves behind, where it
is while it is dragged, and what a ball of a brush paints."""

import numpy as np
import pytest
from clicks import click, drag, move
from compare_window import canvas, on_canvas
from controls import pick, tick
from designing import applied, started, still
from helpers import disc_labels
from qtpy.QtCore import QPoint, Qt
from roles import role

from napari_segadv import targets
from napari_segadv.data.scan import Grid, Mask
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.target.designer import EMPTY

START, STOP = (24, 19), (20, 25)


@pytest.fixture
def mine(window, designing, qtbot):
    """The user's own labels as the target: two discs."""
    window.add_labels(disc_labels(), name="mine")
    pick(qtbot, designing.target, "mine")
    return designing.designer.target


def press(qtbot, window, key):
    canvas(window).setFocus()
    qtbot.keyClick(canvas(window), key, Qt.ShiftModifier)


def hold(window, qtbot, start, stop, button=Qt.LeftButton):
    """Presses on a place and moves to another; the button stays down."""
    native = canvas(window)
    first, last = (QPoint(*map(round, on_canvas(window, place))) for place in (start, stop))
    drag(qtbot, native, first, last, button)
    return last


def let_go(window, qtbot, panel, at, button=Qt.LeftButton):
    qtbot.mouseRelease(canvas(window), button, pos=at)
    still(qtbot, panel)


def middle(data):
    return np.argwhere(data == 1).mean(axis=0)


def test_a_structure_leaves_behind_the_class_that_is_chosen(designing, mine, qtbot):
    pick(qtbot, designing.structure, "dim")
    click(qtbot, designing.change.buttons["erase"])
    pick(qtbot, designing.change.left_behind, "bright")
    click(qtbot, designing.apply_button)
    still(qtbot, designing)
    np.testing.assert_array_equal(mine.data, np.where(disc_labels() == 1, 2, disc_labels()))
    click(qtbot, designing.undo_button)
    np.testing.assert_array_equal(mine.data, disc_labels())


def test_a_structure_that_is_dragged_away_leaves_it_behind_too(window, designing, mine, qtbot):
    click(qtbot, designing.drag_button)
    pick(qtbot, designing.change.left_behind, "bright")
    at = hold(window, qtbot, START, STOP)
    let_go(window, qtbot, designing, at)
    moves = tuple(int(n) for n in np.round(middle(mine.data) - middle(disc_labels())))
    np.testing.assert_allclose(moves, np.subtract(STOP, START), atol=1)
    wanted = targets.shift(Mask(disc_labels(), Grid.pixels((48, 64))), 1, moves, to=2)
    np.testing.assert_array_equal(mine.data, wanted.array)
    assert (mine.data[disc_labels() == 1] != 0).all()
    click(qtbot, designing.undo_button)
    np.testing.assert_array_equal(mine.data, disc_labels())


def test_a_structure_is_seen_where_the_mouse_has_it(window, designing, mine, qtbot):
    click(qtbot, designing.drag_button)
    at = hold(window, qtbot, START, STOP)
    # Not yet let go.
    np.testing.assert_allclose(middle(mine.data), np.add(middle(disc_labels()), (-4, 6)), atol=1)
    assert (mine.data == 1).sum() == (disc_labels() == 1).sum()
    np.testing.assert_array_equal(mine.data == 2, disc_labels() == 2)
    assert "moved by -4, +6 pixels" in designing.status.text()
    assert not designing.designer.busy
    let_go(window, qtbot, designing, at)
    np.testing.assert_allclose(middle(mine.data), np.add(middle(disc_labels()), (-4, 6)), atol=1)


def test_the_right_button_moves_nothing(window, designing, mine, qtbot):
    click(qtbot, designing.drag_button)
    at = hold(window, qtbot, START, STOP, Qt.RightButton)
    np.testing.assert_array_equal(mine.data, disc_labels())
    let_go(window, qtbot, designing, at, Qt.RightButton)
    np.testing.assert_array_equal(mine.data, disc_labels())
    assert designing.drag_button.isChecked()


def test_a_target_starts_from_a_labels_layer(window, designing, qtbot):
    truth = window.add_labels(disc_labels(), name="truth")
    pick(qtbot, designing.target, "truth")
    pick(qtbot, designing.start, "truth")
    click(qtbot, designing.start_button)
    assert "this layer is the target already" in designing.status.text()
    other = window.add_labels(disc_labels()[::-1, ::-1].copy(), name="other")
    pick(qtbot, designing.start, "other")
    click(qtbot, designing.start_button)
    still(qtbot, designing)
    target = designing.designer.target
    assert target not in (truth, other)
    assert target is role(window, "target")
    np.testing.assert_array_equal(target.data, other.data)
    np.testing.assert_array_equal(truth.data, disc_labels())
    # What is changed from now on is the copy.
    applied(qtbot, designing, "erase", 1)
    assert (target.data != other.data).any()
    assert (other.data == 1).any()


def test_the_keys_of_the_designer(window, designing, mine, qtbot):
    pick(qtbot, designing.structure, "bright")
    click(qtbot, designing.change.buttons["erase"])
    press(qtbot, window, Qt.Key_A)
    still(qtbot, designing)
    np.testing.assert_array_equal(mine.data, np.where(disc_labels() == 2, 0, disc_labels()))
    assert not designing.drag_button.isChecked()
    press(qtbot, window, Qt.Key_D)
    assert designing.drag_button.isChecked()
    assert designing.drag.on
    assert not mine.mouse_pan
    at = hold(window, qtbot, START, STOP)
    let_go(window, qtbot, designing, at)
    np.testing.assert_allclose(middle(mine.data), np.add(middle(disc_labels()), (-4, 6)), atol=1)
    press(qtbot, window, Qt.Key_D)
    assert not designing.drag_button.isChecked()
    assert mine.mouse_pan


def test_a_stroke_of_the_solid_brush_paints_through_slices(window, designing, qtbot, ct):
    data, keywords, _ = image_tuple(ct, "ct")
    window.add_image(data, **keywords)
    pick(qtbot, designing.image, "ct")
    window.layers.remove("xray")
    target = started(qtbot, designing, EMPTY)
    window.fit_to_view()
    window.dims.set_point(0, target.data_to_world((10, 0, 0))[0])
    click(qtbot, designing.brush_button)
    target.brush_size = 5
    place = target.data_to_world((10, 18, 20))
    at = QPoint(*map(round, on_canvas(window, place)))

    def stroke():
        move(qtbot, canvas(window), at)
        qtbot.mouseClick(canvas(window), Qt.LeftButton, pos=at)
        painted = np.argwhere(target.data == target.selected_label)
        click(qtbot, designing.undo_button)
        assert not target.data.any()
        return painted

    tick(qtbot, designing.solid)
    ball = stroke()
    np.testing.assert_allclose(ball.mean(axis=0), (10, 18, 20), atol=1)
    # As deep as it is wide, in pixels, and round.
    assert (np.ptp(ball, axis=0) + 1 == 5).all()
    assert 27 < len(ball) < 125
    tick(qtbot, designing.solid)
    disc = stroke()
    assert set(disc[:, 0]) == {10}
    assert (np.ptp(disc, axis=0) + 1).tolist() == [1, 5, 5]
