"""Panels closed by the cross of their docks: nothing of them goes on, and they open again."""

import weakref

import numpy as np
import pytest
from clicks import click, close_dock, drained, idle
from compare_window import press, show
from helpers import disc_image, save_torchscript, small_network
from listeners import heard
from panels import PANELS
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog
from roles import role, titles

from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.names import AFTER
from napari_segadv.viewer.reading_test import panel as reading_panel
from napari_segadv.viewer.widgets.trust_question import TrustQuestion


def docked(window, qtbot, title):
    _, panel = window.window.add_plugin_dock_widget("napari-segadv", title)
    qtbot.waitUntil(panel.isVisible)
    idle(qtbot, Controller.of(window))
    return panel


def once_open(window, qtbot, title):
    """With its first panel a window gets what stays with it: the guard, the hatch."""
    close_dock(qtbot, docked(window, qtbot, title))
    idle(qtbot, Controller.of(window))
    drained(qtbot)


@pytest.mark.parametrize("title", PANELS)
def test_a_closed_panel_leaves_nothing_behind(window, qtbot, flat, title):
    controller = Controller.of(window)
    controller.victims.prepare()
    idle(qtbot, controller)
    show(window, flat)
    idle(qtbot, controller)
    once_open(window, qtbot, title)
    before = heard(window)
    panel = weakref.ref(docked(window, qtbot, title))
    close_dock(qtbot, panel())
    idle(qtbot, controller)
    drained(qtbot)
    assert heard(window) == before
    assert panel() is None
    # As often as one likes.
    once_open(window, qtbot, title)
    assert heard(window) == before


def test_closing_compare_in_mid_comparison_puts_everything_back(window, qtbot, flat):
    show(window, flat)
    once_open(window, qtbot, "Compare")
    before, names = heard(window), titles(window)
    compare = docked(window, qtbot, "Compare")
    press(qtbot, window, Qt.Key_C, Qt.ShiftModifier)
    compare.window_section.drag.click()
    click(qtbot, compare.modes["swipe"])
    assert len(window.layers) > len(names)
    assert len(window.mouse_drag_callbacks) > len(before[2])
    close_dock(qtbot, compare)
    assert titles(window) == names
    assert role(window, AFTER).contour == 0
    assert heard(window) == before
    press(qtbot, window, Qt.Key_S, Qt.ShiftModifier)
    assert not window.canvas.grid.enabled
    again = docked(window, qtbot, "Compare")
    press(qtbot, window, Qt.Key_S, Qt.ShiftModifier)
    assert window.canvas.grid.enabled
    assert again.modes["side by side"].isChecked()


def test_code_is_asked_about_once_however_often_the_panel_was_closed(
    window, ready, qtbot, tmp_path, monkeypatch
):
    asked = []
    monkeypatch.setattr(TrustQuestion, "exec", lambda box: asked.append(box) or QDialog.Rejected)
    close_dock(qtbot, ready)
    panel = docked(window, qtbot, "Adversarial attack")
    docked(window, qtbot, "Runs")
    path = save_torchscript(small_network(), tmp_path)
    panel.victim_section.open(str(path))
    idle(qtbot, panel.controller)
    qtbot.waitUntil(lambda: "not loaded" in panel.status.text())
    assert len(asked) == 1


def test_a_reading_test_that_is_prepared_for_a_closed_panel_does_not_open(
    window, qtbot, flat, monkeypatch
):
    opened = []
    monkeypatch.setattr(reading_panel, "ReadingWindow", lambda *a: opened.append(a))
    show(window, flat)
    panel = docked(window, qtbot, "Reading test")
    click(qtbot, panel.start_button)
    close_dock(qtbot, panel)
    idle(qtbot, panel.controller)
    drained(qtbot)
    assert opened == []


@pytest.mark.parametrize("way", ["hidden", "floating"])
def test_a_panel_that_is_hidden_or_floats_goes_on(window, ready, qtbot, way):
    dock = ready
    while not hasattr(dock, "titleBarWidget"):
        dock = dock.parent()
    if way == "hidden":
        qtbot.mouseClick(dock.titleBarWidget().hide_button, Qt.LeftButton)
        assert not ready.isVisible()
        dock.show()
    else:
        qtbot.mouseClick(dock.titleBarWidget().float_button, Qt.LeftButton)
        assert dock.isFloating()
    assert not ready.left
    window.add_image(disc_image(), name="another")
    assert "another" in [str(choice) for choice in ready.image.choices]
    window.add_labels(np.zeros((48, 64), int), name="mine")
    assert ready.target.value is window.layers["mine"]
