"""Panels as they are docked: what was seen whole is seen whole, and titles are short."""

import numpy as np
import pytest
from clicks import close_dock, idle, steady
from compare_window import canvas, on_canvas
from helpers import disc_image
from panels import PANELS
from qtpy.QtWidgets import QDockWidget

from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.camera import fitted as fitting
from napari_segadv.viewer.layers.convert import image_tuple


def dock(window, qtbot, title):
    """A panel, once its dock has its place and the canvas its size."""
    _, panel = window.window.add_plugin_dock_widget("napari-segadv", title)
    qtbot.waitUntil(panel.isVisible)
    idle(qtbot, Controller.of(window))
    steady(qtbot, window)
    return panel


def inside(window, layer):
    """Whether all corners of an image are on the canvas."""
    native = canvas(window)
    low, high = np.asarray(layer.extent.world)[:, -2:]
    corners = [on_canvas(window, (y, x)) for y in (low[0], high[0]) for x in (low[1], high[1])]
    return all(0 <= x <= native.width() and 0 <= y <= native.height() for x, y in corners)


def fitted(window, qtbot):
    """Fills the canvas, once sliders and layer controls have taken their room of it."""
    steady(qtbot, window)
    window.fit_to_view()


@pytest.mark.parametrize("title", ["Adversarial attack", "Slices"])
def test_an_image_that_was_seen_whole_still_is(window, qtbot, title):
    image = window.add_image(disc_image(), name="xray")
    fitted(window, qtbot)
    assert inside(window, image)
    width, zoom = canvas(window).width(), window.scene.camera.zoom
    dock(window, qtbot, title)
    # The dock has taken room that the image filled.
    assert canvas(window).width() < width - 200
    assert window.scene.camera.zoom < zoom
    assert window.scene.camera.zoom == pytest.approx(fitting(window)[1])
    assert inside(window, image)
    zoom = window.scene.camera.zoom
    # One beside it, in the same place, changes nothing.
    dock(window, qtbot, "Runs")
    assert window.scene.camera.zoom == pytest.approx(zoom)
    assert inside(window, image)


def test_and_so_is_a_volume_seen_from_the_front(window, qtbot, ct):
    data, keywords, _ = image_tuple(ct, "ct")
    image = window.add_image(data, **keywords)
    Controller.of(window)
    window.dims.order = (1, 0, 2)
    fitted(window, qtbot)
    dock(window, qtbot, "Slices")
    assert window.scene.camera.zoom == pytest.approx(fitting(window)[1])
    low, high = image.extent.world
    width = (high[2] - low[2]) * window.scene.camera.zoom
    assert width <= canvas(window).width()


@pytest.mark.parametrize("title", ["Adversarial attack", "Compare"])
def test_a_view_that_somebody_has_chosen_stays(window, qtbot, title):
    window.add_image(disc_image(), name="xray")
    steady(qtbot, window)
    camera = window.scene.camera
    camera.zoom *= 3
    camera.center = (0, 12, 40)
    before = camera.zoom, camera.center
    dock(window, qtbot, title)
    assert (camera.zoom, camera.center) == before


def test_a_view_that_is_chosen_after_docking_stays(window, qtbot):
    window.add_image(disc_image(), name="xray")
    panel = dock(window, qtbot, "Compare")
    window.scene.camera.zoom *= 2
    zoom = window.scene.camera.zoom
    # Hidden and shown, it takes the room that it had.
    holder = dock_of(panel)
    holder.hide()
    holder.show()
    steady(qtbot, window)
    assert window.scene.camera.zoom == zoom


def dock_of(panel):
    while not isinstance(panel, QDockWidget):
        panel = panel.parent()
    return panel


def test_titles_are_short_enough_for_tabs(window, qtbot):
    panels = {title: dock(window, qtbot, title) for title in PANELS}
    for title, panel in panels.items():
        assert dock_of(panel).windowTitle() == title
    # Opened anew, it is the same.
    close_dock(qtbot, panels["Slices"])
    assert dock_of(dock(window, qtbot, "Slices")).windowTitle() == "Slices"


@pytest.mark.parametrize("how", ["photograph", "sample"])
def test_what_was_just_opened_is_seen_whole_beside_a_panel(window, qtbot, how):
    if how == "photograph":
        window.add_image(disc_image(), name="xray")
    else:
        window.open_sample("napari-segadv", "abdomen-ct")
    steady(qtbot, window)
    window.window.add_plugin_dock_widget("napari-segadv", "Compare")
    steady(qtbot, window)
    assert window.scene.camera.zoom == pytest.approx(fitting(window)[1])
