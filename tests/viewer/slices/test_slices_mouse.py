"""The mouse over the plot of the Slices panel: a drag goes along the slices, the wheel scrolls."""

import numpy as np
import pytest
from clicks import click, move_held
from controls import wheel
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QScrollArea
from slicing import crafted, seen, show

from napari_segadv.viewer.layers.names import ADVERSARIAL


@pytest.fixture
def slices(window):
    """The panel, docked into an empty viewer."""
    return window.window.add_plugin_dock_widget("napari-segadv", "Slices")[1]


def at(slices, number):
    return QPoint(round(slices.plot.x_pixel(number)), slices.plot.height() // 2)


def test_a_drag_over_the_plot_goes_along_the_slices(window, slices, qtbot, ct):
    example = crafted(ct)
    run = show(window, slices, qtbot, example)
    plot, went = slices.plot, []
    plot.went.connect(went.append)
    # A move without a button held down is none.
    move_held(plot, at(slices, 9), Qt.NoButton)
    assert went == []
    qtbot.mousePress(plot, Qt.LeftButton, pos=at(slices, 3))
    for number in (4, 7, 7, 12, 10):
        move_held(plot, at(slices, number), Qt.LeftButton)
        assert slices.number == plot.number == number
        shown = seen(slices.controller.shown(ADVERSARIAL))
        np.testing.assert_array_equal(shown, example.adversarial.array[number])
    # Beyond the last slice there is none.
    move_held(plot, QPoint(plot.width() - 1, 20), Qt.LeftButton)
    assert slices.number == 19
    qtbot.mouseRelease(plot, Qt.LeftButton, pos=QPoint(plot.width() - 1, 20))
    # The same slice is not gone to twice.
    assert went == [3, 4, 7, 12, 10, 19]
    move_held(plot, at(slices, 5), Qt.NoButton)
    move_held(plot, at(slices, 5), Qt.RightButton)
    assert slices.number == 19
    assert run.verdicts == {}


def test_the_wheel_over_the_plot_scrolls_the_panel(window, slices, qtbot, ct):
    show(window, slices, qtbot, crafted(ct))
    click(qtbot, slices.worst_button)
    window.window._qt_window.resize(1100, 560)
    bar = slices.findChild(QScrollArea).verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 100)
    qtbot.waitUntil(lambda: slices.plot._still is not None)
    bar.setValue(0)
    axes, number = slices.plot.figure.axes, slices.number
    limits = [(one.get_xlim(), one.get_ylim()) for one in axes]
    zoom, step = window.scene.camera.zoom, window.dims.current_step
    wheel(slices.plot, QPoint(80, 60), -120)
    down = bar.value()
    assert down > 0
    wheel(slices.plot, QPoint(80, 60), 120)
    assert bar.value() < down
    assert [(one.get_xlim(), one.get_ylim()) for one in axes] == limits
    assert slices.number == number
    assert window.scene.camera.zoom == zoom
    assert window.dims.current_step == step
