"""Layers that go between frames: napari frees their graphics, and later frames are still drawn."""

import numpy as np
import pytest
from clicks import drained, drawn
from helpers import disc_image

from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.reading_test.canvas import ReadingCanvas, stimulus


@pytest.mark.parametrize("hidden", [False, True])
def test_layers_may_go_between_frames(window, qtbot, hidden):
    """Without the guard this ends the process: the first image's next frame is never drawn."""
    Controller.of(window)
    window.add_image(disc_image(), name="xray")
    canvas = window.window._qt_viewer.canvas
    drawn(qtbot, canvas)
    for _ in range(3):
        image = window.add_image(disc_image(), name="other")
        labels = window.add_labels(np.ones((48, 64), np.uint8), name="labels")
        drawn(qtbot, canvas)
        image.visible = labels.visible = not hidden
        drawn(qtbot, canvas)
        window.layers.remove(image)
        window.layers.remove(labels)
        drained(qtbot)
        drawn(qtbot, canvas)
    picture = window.screenshot(canvas_only=True, flash=False)
    assert picture[..., :3].std() > 10


def test_images_of_a_reading_test_go_and_those_in_the_window_stay(window, qtbot, flat):
    """Without the guard what the window draws with is freed, and its next frames fail."""
    Controller.of(window)
    window.add_image(disc_image(), name="xray")
    below = window.window._qt_viewer.canvas
    drawn(qtbot, below)
    canvas, shown = ReadingCanvas("dark"), stimulus(flat, at_change=False)
    qtbot.addWidget(canvas)
    canvas.show()
    for _ in range(3):
        canvas.show_images([shown.clean, shown.altered], shown)
        drawn(qtbot, canvas.canvas)
        below.native.makeCurrent()
        canvas.clear()
        window.camera.zoom *= 1.01
        drawn(qtbot, below)
    assert window.screenshot(canvas_only=True, flash=False)[..., :3].std() > 10


def test_a_viewer_without_a_window_needs_nothing():
    from napari.components import ViewerModel

    viewer = ViewerModel()
    Controller.of(viewer)
    viewer.layers.remove(viewer.add_image(disc_image()))
    assert not viewer.layers
