"""Closing the Compare panel in the middle of a comparison: layers, keys and mouse as they were."""

from clicks import click
from qtpy.QtCore import Qt
from test_compare_panel import press, show

from napari_segadv.viewer.compare_panel import TITLE
from napari_segadv.viewer.layers import AFTER


def test_closing_the_panel_puts_everything_back(window, qtbot, flat):
    _, compare = window.window.add_plugin_dock_widget("napari-segadv", TITLE)
    show(window, flat)
    before, callbacks = [x.name for x in window.layers], list(window.mouse_drag_callbacks)
    press(qtbot, window, Qt.Key_C, Qt.ShiftModifier)
    compare.window_section.drag.click()
    click(qtbot, compare.modes["swipe"])
    window.window.remove_dock_widget("all")
    compare.deleteLater()
    qtbot.wait(100)
    assert [x.name for x in window.layers] == before
    assert window.layers[AFTER].contour == 0
    assert window.mouse_drag_callbacks == callbacks
    press(qtbot, window, Qt.Key_S, Qt.ShiftModifier)
    assert not window.canvas.grid.enabled
    _, again = window.window.add_plugin_dock_widget("napari-segadv", TITLE)
    press(qtbot, window, Qt.Key_S, Qt.ShiftModifier)
    assert window.canvas.grid.enabled
    assert again.modes["side by side"].isChecked()
