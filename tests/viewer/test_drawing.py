"""Layers that go between frames: napari frees their graphics, and later frames are still drawn."""

import numpy as np
import pytest
from helpers import disc_image

from napari_segadv.viewer.controller import Controller


@pytest.mark.parametrize("hidden", [False, True])
def test_layers_may_go_between_frames(window, qtbot, hidden):
    """Without the guard this ends the process: the first image's next frame is never drawn."""
    Controller.of(window)
    window.add_image(disc_image(), name="xray")
    qtbot.wait(100)
    for _ in range(3):
        image = window.add_image(disc_image(), name="other")
        labels = window.add_labels(np.ones((48, 64), np.uint8), name="labels")
        qtbot.wait(100)
        image.visible = labels.visible = not hidden
        qtbot.wait(100)
        window.layers.remove(image)
        window.layers.remove(labels)
        qtbot.wait(200)
    picture = window.screenshot(canvas_only=True, flash=False)
    assert picture[..., :3].std() > 10


def test_a_viewer_without_a_window_needs_nothing():
    from napari.components import ViewerModel

    viewer = ViewerModel()
    Controller.of(viewer)
    viewer.layers.remove(viewer.add_image(disc_image()))
    assert not viewer.layers
