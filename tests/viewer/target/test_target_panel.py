"""The target designer in a real window, with real clicks, strokes and keys."""

import numpy as np
from clicks import click, close_dock, drag
from designing import applied, started, still
from helpers import disc_labels
from qtpy.QtCore import QPoint, Qt

from napari_segadv.viewer.layers.names import CLEAN
from napari_segadv.viewer.target.designer import EMPTY


def test_every_change_is_made_in_place_measured_and_undone(window, designing, qtbot):
    panel = designing
    target = started(qtbot, panel)
    clean = panel.controller.shown(CLEAN).data.copy()
    np.testing.assert_array_equal(target.data, clean)
    qtbot.waitUntil(lambda: "is the prediction" in panel.distance.text())
    changes = {
        "heart": {"size": 0.8},
        "ellipse": {},
        "resize": {"size": 0.7},
        "grow": {"mm": 2.0},
        "shrink": {"mm": 2.0},
        "shift": {"shift": "2, 3"},
        "erase": {},
        "swap": {"to": 2},
    }
    for shape, settings in changes.items():
        applied(qtbot, panel, shape, 1, **settings)
        assert panel.designer.target is target
        assert (target.data != clean).any(), shape
        assert window.layers.selection.active is target
        click(qtbot, panel.undo_button)
        np.testing.assert_array_equal(target.data, clean)
    click(qtbot, panel.redo_button)
    # Swapped: both structures are where the other was.
    qtbot.waitUntil(lambda: panel.distance.text().count("IoU 0.000") == 2)
    assert "dim" in panel.distance.text()
    window.window._qt_viewer.canvas.native.setFocus()
    qtbot.keyClick(window.window._qt_viewer.canvas.native, Qt.Key_Z, Qt.ControlModifier)
    qtbot.waitUntil(lambda: np.array_equal(target.data, clean))
    # Between slices there is something to fill, in a photograph nothing.
    assert not panel.change.buttons["fill"].isEnabled()


def test_names_colours_and_what_is_left_behind(window, designing, qtbot):
    panel = designing
    target = started(qtbot, panel)
    assert [panel.structure.itemText(i) for i in range(panel.structure.count())] == [
        "dim",
        "bright",
    ]
    middle = panel.structure.itemIcon(0).pixmap(14).toImage().pixelColor(5, 5)
    expected = 255 * target.get_color(1)[:3]
    np.testing.assert_allclose(middle.getRgb()[:3], expected, atol=2)
    assert panel.change.left_behind.value == 0
    names = [panel.change.left_behind.itemText(i) for i in range(3)]
    assert names == ["background", "what surrounds it", "bright"]
    panel.change.left_behind.value = 2
    before = target.data.copy()
    applied(qtbot, panel, "erase", 1)
    np.testing.assert_array_equal(target.data, np.where(before == 1, 2, before))
    assert (before == 1).any()
    click(qtbot, panel.undo_button)
    np.testing.assert_array_equal(target.data, before)
    # The class to paint and the class in the panel are one.
    target.selected_label = 2
    assert panel.structure.currentText() == "bright"
    panel.structure.value = 1
    assert target.selected_label == 1
    target.selected_label = 5
    assert panel.structure.currentText() == "class 5"


def test_painting_by_hand_is_measured_soon(window, designing, qtbot):
    panel = designing
    target = started(qtbot, panel)
    qtbot.waitUntil(lambda: "is the prediction" in panel.distance.text())
    click(qtbot, panel.brush_button)
    assert target.mode == "paint"
    before = target.data.copy()
    target.brush_size = 5
    canvas = window.window._qt_viewer.canvas.native
    qtbot.mouseClick(canvas, Qt.LeftButton, pos=canvas.rect().center())
    assert (target.data != before).any()
    qtbot.waitUntil(lambda: "pixels changed" in panel.distance.text())
    target.undo()
    qtbot.waitUntil(lambda: "is the prediction" in panel.distance.text())


def test_dragging_with_the_mouse(window, designing, qtbot):
    panel = designing
    target = window.add_labels(disc_labels(), name="mine")
    panel.target.value = target
    click(qtbot, panel.drag_button)
    assert panel.drag_button.isChecked()
    canvas = window.window._qt_viewer.canvas.native
    zoom = window.camera.zoom
    centre = canvas.rect().center()
    _, y, x = window.camera.center
    press = QPoint(int(centre.x() + (19 - x) * zoom), int(centre.y() + (24 - y) * zoom))
    release = press + QPoint(int(6 * zoom), int(-4 * zoom))
    drag(qtbot, canvas, press, release)
    qtbot.mouseRelease(canvas, Qt.LeftButton, pos=release)
    still(qtbot, panel)
    moved = np.array(np.nonzero(target.data == 1)).mean(axis=1)
    was = np.array(np.nonzero(disc_labels() == 1)).mean(axis=1)
    np.testing.assert_allclose(moved - was, (-4, 6), atol=1)
    target.undo()
    np.testing.assert_array_equal(target.data, disc_labels())
    qtbot.keyClick(canvas, Qt.Key_D, Qt.ShiftModifier)
    assert not panel.drag_button.isChecked()
    assert target.mouse_pan


def test_a_volume_the_solid_brush_and_filling(window, designing, qtbot, ct):
    from napari_segadv.viewer.layers.convert import image_tuple

    panel = designing
    data, keywords, _ = image_tuple(ct, "ct")
    panel.image.value = window.add_image(data, **keywords)
    panel.controller.victims.victim = None
    target = started(qtbot, panel, EMPTY)
    assert target.data.shape == ct.grid.shape
    np.testing.assert_allclose(target.data_to_world((3, 4, 5)), ct.grid.affine[:3] @ (3, 4, 5, 1))
    panel.solid.value = True
    assert target.n_edit_dimensions == 3
    target.brush_size = 5
    target.paint((10, 12, 12), 1)
    assert target.data[8].any()
    panel.solid.value = False
    target.paint((15, 12, 12), 1)
    assert not target.data[14].any()
    applied(qtbot, panel, "fill", 1)
    assert target.data[14].any()
    qtbot.keyClick(window.window._qt_viewer.canvas.native, Qt.Key_A, Qt.ShiftModifier)
    still(qtbot, panel)
    assert "no gap" in panel.status.text()


def test_layers_that_go_and_a_panel_that_closes(window, designing, qtbot):
    panel = designing
    target = started(qtbot, panel)
    click(qtbot, panel.drag_button)
    window.layers.remove(target)
    assert not panel.drag_button.isChecked()
    assert panel.target.value is None
    qtbot.waitUntil(lambda: panel.distance.text() == "no target yet")
    click(qtbot, panel.apply_button)
    assert "no target" in panel.status.text()
    target = started(qtbot, panel)
    target.name = "my own"
    assert panel.target.value is target
    window.layers["xray"].name = "renamed"
    close_dock(qtbot, panel)
    assert target.data[5, 5] == 0
    target.paint((5, 5), 1)
    assert target.data[5, 5] == 1
    # Nobody is left to measure it.
    assert not panel._rest.isActive()
