"""What the target erases is hatched in the window, while it is painted; it can be switched off."""

import numpy as np
import pytest
from clicks import click, drawn, idle, loaded, steady
from compare_window import canvas, on_canvas
from controls import tick
from helpers import disc_image, volume_victim
from legends import predicted
from qtpy.QtCore import QPoint, Qt

from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import CLEAN, ERASED, TARGET
from napari_segadv.viewer.layers.slice_place import SlicePlace
from napari_segadv.viewer.views.tools import ViewTools


@pytest.fixture
def ready(window, panel, qtbot, band_victim):
    window.add_image(disc_image(), name="xray")
    loaded(qtbot, panel, band_victim)
    return panel


def made(qtbot, panel, shape="erase"):
    panel.target_section.structure.value = 2
    panel.target_section.shape.value = shape
    click(qtbot, panel.target_section.button)
    idle(qtbot, panel.controller)
    return panel.controller.shown(TARGET)


def hatch(panel):
    return panel.controller.shown(ERASED)


def seen(panel):
    """Which pixels of the plane in view are hatched."""
    layer = hatch(panel)
    return layer is not None and layer.visible and bool(layer._slice.image.view[..., 3].any())


def test_a_target_that_erases(window, ready, qtbot):
    target = made(qtbot, ready)
    qtbot.waitUntil(lambda: seen(ready))
    clean, drawn_at = ready.controller.shown(CLEAN), hatch(ready)._slice.image.view[..., 3] > 0
    assert (clean.data[drawn_at] == 2).all()
    # Right below the target, which stays the layer that is painted on, and no image to be attacked.
    assert window.layers.index(hatch(ready)) == window.layers.index(target) - 1
    assert window.layers.selection.active is target
    assert hatch(ready) not in ready.image.choices
    assert ready.image.value is window.layers["xray"]
    # Another target, in the same layer.
    layer = hatch(ready)
    made(qtbot, ready, "shift")
    qtbot.waitUntil(lambda: not seen(ready))
    assert hatch(ready) is layer


def test_the_image_keeps_its_window(window, ready, qtbot):
    bench = ViewTools.of(window)
    (full,) = bench.bar.presets.buttons.values()
    made(qtbot, ready)
    qtbot.waitUntil(lambda: seen(ready))
    assert bench.window.image is window.layers["xray"]
    assert full.isEnabled()
    assert bench.glass.window_text.startswith("L ")
    window.layers.selection.active = hatch(ready)
    assert bench.window.image is window.layers["xray"]


def test_it_follows_the_brush_and_undo(window, ready, qtbot):
    target = made(qtbot, ready, "copy")
    qtbot.waitUntil(lambda: hatch(ready) is not None)
    assert not seen(ready)
    steady(qtbot, window)
    target.mode, target.selected_label, target.brush_size = "paint", 0, 9
    place = QPoint(*map(round, on_canvas(window, (24, 48))))
    qtbot.mouseClick(canvas(window), Qt.LeftButton, pos=place)
    assert (target.data != ready.controller.shown(CLEAN).data).any()
    qtbot.waitUntil(lambda: seen(ready))
    target.undo()
    qtbot.waitUntil(lambda: not seen(ready))
    target.redo()
    qtbot.waitUntil(lambda: seen(ready))


def test_it_is_seen_on_the_screen(window, ready, qtbot):
    made(qtbot, ready)
    qtbot.waitUntil(lambda: seen(ready))
    for layer in window.layers:
        layer.visible = layer is hatch(ready)
    drawn(qtbot, window.window._qt_viewer.canvas)
    for theme in ("dark", "light"):
        window.theme = theme
        picture = window.screenshot(flash=False)[..., :3].astype(int)
        red, green, blue = np.moveaxis(picture, -1, 0)
        # The bright disc's blue.
        assert ((blue > 180) & (red < 120)).sum() > 50


def test_switched_off_and_on_in_both_panels(window, ready, qtbot):
    _, designer = window.window.add_plugin_dock_widget("napari-segadv", "Target designer")
    made(qtbot, ready)
    qtbot.waitUntil(lambda: seen(ready))
    window.window._qt_window.activateWindow()
    tick(qtbot, designer.hatch)
    qtbot.waitUntil(lambda: hatch(ready) is None)
    assert not ready.target_section.hatch.isChecked()
    click(qtbot, ready.target_section.hatch)
    qtbot.waitUntil(lambda: seen(ready))
    assert designer.hatch.isChecked()
    # By its eye in the list of layers, too; a new target does not bring it back.
    hatch(ready).visible = False
    made(qtbot, ready)
    assert not seen(ready)


def test_without_target_or_prediction_there_is_none(window, ready, qtbot):
    made(qtbot, ready)
    qtbot.waitUntil(lambda: seen(ready))
    window.layers.remove(ready.controller.shown(TARGET))
    qtbot.waitUntil(lambda: hatch(ready) is None)
    target = made(qtbot, ready)
    qtbot.waitUntil(lambda: seen(ready))
    window.layers.remove(ready.controller.shown(CLEAN))
    qtbot.waitUntil(lambda: hatch(ready) is None)
    assert ready.target.value is target


def test_labels_of_ones_own_erase_all_that_they_leave_out(window, ready, qtbot):
    predicted(qtbot, ready)
    mine = window.add_labels(np.zeros((48, 64), np.uint8), name="mine")
    assert ready.target.value is mine
    qtbot.waitUntil(lambda: seen(ready))
    ready.target.value = "none (untargeted)"
    qtbot.waitUntil(lambda: hatch(ready) is None)


def test_each_slice_of_a_volume_and_none_in_3_d(window, panel, qtbot, ct):
    data, keywords, _ = image_tuple(ct, "ct")
    image = window.add_image(data, **keywords)
    loaded(qtbot, panel, volume_victim(2))
    panel.controller.victims.predict(image)
    idle(qtbot, panel.controller)
    made(qtbot, panel)
    clean, place = panel.controller.shown(CLEAN), SlicePlace.of(image, window.dims)
    qtbot.waitUntil(lambda: hatch(panel) is not None)
    for number in (0, 8, 12, 19):
        place.show(window.dims, number)
        assert seen(panel) == bool((clean.data[number] == 2).sum() > 20)
    place.show(window.dims, 10)
    window.dims.order = (1, 0, 2)
    assert seen(panel)
    window.dims.ndisplay = 3
    assert not hatch(panel).visible
    window.dims.ndisplay = 2
    assert hatch(panel).visible
    hatch(panel).visible = False
    window.dims.ndisplay = 3
    window.dims.ndisplay = 2
    assert not hatch(panel).visible
