"""The reading test over a volume: which slice, and windows that hold for both images."""

import numpy as np
import pytest
from clicks import click, drag
from helpers import volume_victim
from qtpy.QtCore import QPoint, Qt
from readers import attacked, begin, slice_shown

from napari_segadv.measures.reading_test import PAIR
from napari_segadv.results.by_slice import most_changed
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def in_volume(window, ct):
    """The panel with a run over a small, flipped, anisotropic CT."""
    example = attacked(ct, volume_victim(2))
    data, keywords, _ = image_tuple(ct)
    Controller.of(window).runs.add(example, window.add_image(data, **keywords))
    panel = window.window.add_plugin_dock_widget("napari-segadv", "Reading test")[1]
    return panel, example


def test_a_volume_is_read_from_its_middle_slice(in_volume, qtbot):
    panel, example = in_volume
    panel.mode.value = PAIR
    test = begin(qtbot, panel)
    assert slice_shown(test) == len(example.clean.array) // 2
    start = slice_shown(test)
    qtbot.keyClick(test, Qt.Key_Up)
    assert slice_shown(test) == start + 1
    qtbot.keyClick(test, Qt.Key_Down)
    qtbot.keyClick(test, Qt.Key_Down)
    assert slice_shown(test) == start - 1
    for image in test.canvas.images:
        assert image.data.shape == example.clean.array.shape
        np.testing.assert_allclose(image.scale, test.canvas.images[0].scale)
    click(qtbot, test.stop)


def test_or_from_the_slice_that_changed_most(in_volume, qtbot):
    panel, example = in_volume
    panel.at_change.value = True
    test = begin(qtbot, panel)
    assert slice_shown(test) == most_changed(example)
    click(qtbot, test.stop)


def test_windows_by_key_and_drag_hold_for_both_images(in_volume, qtbot):
    panel, _ = in_volume
    panel.mode.value = PAIR
    test = begin(qtbot, panel)
    one, other = test.canvas.images
    qtbot.keyClick(test, "1")
    assert one.contrast_limits == other.contrast_limits == [-1350.0, 150.0]
    qtbot.keyClick(test, "2")
    assert one.contrast_limits == other.contrast_limits == [-160.0, 240.0]
    canvas = test.canvas.canvas.native
    at = QPoint(canvas.width() // 4, canvas.height() // 2)
    zoom = test.canvas.model.scene.camera.zoom
    # The grid is laid out when it is first drawn; before that a press falls on no image.
    place = test.canvas.canvas._get_viewbox_at
    qtbot.waitUntil(lambda: place((at.x(), at.y()))[0] is not None)
    drag(qtbot, canvas, at, at + QPoint(150, 0), Qt.RightButton)
    qtbot.mouseRelease(canvas, Qt.RightButton, pos=at + QPoint(150, 0))
    assert one.contrast_limits == other.contrast_limits == [-360.0, 440.0]
    assert test.canvas.model.scene.camera.zoom == zoom
    assert test.canvas.model.scene.camera.mouse_pan
    click(qtbot, test.stop)
