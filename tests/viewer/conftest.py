"""A real napari window with the panel docked, and helpers to wait and click."""

import pytest
from clicks import idle

from napari_segadv.viewer.controller import Controller


@pytest.fixture
def window(make_napari_viewer):
    """A shown viewer: real clicks and screenshots need one."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1280, 800)
    return viewer


@pytest.fixture
def panel(window, qtbot):
    """The docked panel, once torch and its first victim are loaded."""
    _, widget = window.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")
    assert widget.controller is Controller.of(window)
    qtbot.waitUntil(lambda: bool(widget.controller.attacks), timeout=60_000)
    idle(qtbot, widget.controller)
    return widget
