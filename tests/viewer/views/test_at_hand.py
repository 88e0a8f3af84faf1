"""What every panel has at hand on the viewer's own canvas: wheel, right drag, presets, values."""

import numpy as np
import pytest
from clicks import click, close_dock, drag, drained, move, steady
from compare_window import on_canvas
from compare_window import show as show_run
from controls import wheel
from helpers import disc_image
from preferences import own
from qtpy.QtCore import QPoint, Qt
from three_planes import LEFT, bench_of, native, patient, show

from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, CLEAN
from napari_segadv.viewer.views.readout import in_units, words
from napari_segadv.viewer.views.tools import ViewTools

HERE = QPoint(200, 200)


@pytest.fixture
def bench(window, qtbot):
    return bench_of(window, qtbot)


def dragged(qtbot, window, button, modifier=Qt.NoModifier, by=(75, 0)):
    start, end = HERE, HERE + QPoint(*by)
    if modifier == Qt.NoModifier:
        drag(qtbot, native(window), start, end, button)
    else:
        qtbot.mousePress(native(window), button, modifier, start)
        move(qtbot, native(window), end, button)
    qtbot.mouseRelease(native(window), button, modifier, end)
    drained(qtbot)


def test_the_wheel_goes_through_slices_and_ctrl_and_wheel_zooms_at_the_pointer(
    window, qtbot, bench
):
    image = show(window, patient())
    steady(qtbot, window)
    zoom, point = window.scene.camera.zoom, window.dims.point[0]
    wheel(native(window), HERE, -120)
    assert window.dims.point[0] == pytest.approx(point - 2.0)
    wheel(native(window), HERE, 120)
    assert window.dims.point[0] == pytest.approx(point)
    assert window.scene.camera.zoom == zoom
    # Parts of a notch, as touch pads send them.
    for _ in range(3):
        wheel(native(window), HERE, -40)
    assert window.dims.point[0] == pytest.approx(point - 2.0)
    place = image.data_to_world((0, 12, 12))
    before = on_canvas(window, place)
    wheel(native(window), QPoint(*map(round, before)), 120, Qt.ControlModifier)
    assert window.scene.camera.zoom == pytest.approx(zoom * 1.2328, rel=1e-3)
    assert on_canvas(window, place) == pytest.approx(before, abs=1)
    assert window.dims.point[0] == pytest.approx(point - 2.0)


def test_the_wheel_does_as_in_napari_if_it_is_set_so(kept, window, qtbot, bench):
    show(window, patient())
    steady(qtbot, window)
    own().wheel = "zoom"
    zoom, point = window.scene.camera.zoom, window.dims.point[0]
    wheel(native(window), HERE, 120)
    drained(qtbot)
    qtbot.waitUntil(lambda: window.scene.camera.zoom > zoom)
    assert window.dims.point[0] == point
    wheel(native(window), HERE, -120, Qt.ControlModifier)
    assert window.dims.point[0] == pytest.approx(point + 2.0)


def test_on_a_single_image_the_wheel_zooms(window, qtbot, bench):
    window.add_image(disc_image(), name="film")
    steady(qtbot, window)
    zoom = window.scene.camera.zoom
    wheel(native(window), HERE, 120)
    qtbot.waitUntil(lambda: window.scene.camera.zoom > zoom)
    now = window.scene.camera.zoom
    wheel(native(window), HERE, -120, Qt.ControlModifier)
    assert window.scene.camera.zoom < now


def test_a_right_drag_sets_the_window_and_zooms_no_more(window, qtbot, bench):
    image = show(window, patient())
    steady(qtbot, window)
    zoom, centre = window.scene.camera.zoom, window.scene.camera.center
    dragged(qtbot, window, Qt.RightButton)
    low, high = image.contrast_limits
    assert high - low == pytest.approx(1100 * 2**0.5, rel=1e-3)
    assert (window.scene.camera.zoom, window.scene.camera.center) == (zoom, centre)
    # The left button still moves the image.
    dragged(qtbot, window, Qt.LeftButton)
    qtbot.waitUntil(lambda: not np.allclose(window.scene.camera.center, centre))
    assert image.contrast_limits == [low, high]


@pytest.mark.parametrize("mode", ["paint", "erase", "fill", "polygon"])
def test_a_right_drag_of_a_tool_is_the_tools(window, qtbot, bench, mode):
    image = show(window, patient())
    target = window.add_labels(np.zeros(image.data.shape, np.uint8), affine=image.affine)
    target.mode = mode
    steady(qtbot, window)
    dragged(qtbot, window, Qt.RightButton)
    assert image.contrast_limits == [-100, 1000]


@pytest.mark.parametrize("modifier", [Qt.ShiftModifier, Qt.ControlModifier, Qt.AltModifier])
def test_a_right_drag_with_a_key_held_down_is_not_ours(window, qtbot, bench, modifier):
    image = show(window, patient())
    steady(qtbot, window)
    dragged(qtbot, window, Qt.RightButton, modifier)
    assert image.contrast_limits == [-100, 1000]


def test_both_images_of_a_run_share_the_window_without_the_compare_panel(
    window, qtbot, bench, deep
):
    clean, adversarial = show_run(window, deep)
    steady(qtbot, window)
    dragged(qtbot, window, Qt.RightButton)
    assert clean.contrast_limits == adversarial.contrast_limits
    click(qtbot, bench.bar.presets.buttons[3])
    assert list(adversarial.contrast_limits) == [-500, 1300]
    assert bench.glass.window_text == "L 400  W 1800 HU"
    assert bench.bar.presets.buttons[3].isChecked()


def test_the_presets_are_those_of_the_image(window, qtbot, bench):
    buttons = bench.bar.presets.buttons
    assert not buttons
    show(window, patient())
    names = [button.text() for button in bench.bar.presets.buttons.values()]
    assert names[:3] == ["lung", "mediastinum", "bone"]
    window.layers.clear()
    window.add_image(disc_image(), name="film")
    names = [button.text() for button in bench.bar.presets.buttons.values()]
    assert names == ["full range"]


def test_what_is_under_the_pointer_is_said_in_words(window, qtbot, bench, deep):
    clean, _ = show_run(window, deep)
    steady(qtbot, window)
    controller = bench._controller
    index = (2, 9, 12)
    place = clean.data_to_world(index)
    window.dims.set_point(0, place[0])
    at = bench.glass.on_canvas(place[1], place[2]).toPoint()
    move(qtbot, native(window), at)
    value, altered = deep.clean.array[index], deep.adversarial.array[index]
    classes = [
        deep.prediction_clean.classes[mask.array[index]]
        for mask in (deep.prediction_clean, deep.prediction_adversarial)
    ]
    text = f"HU {value}" + (f" (adversarial {altered})" if altered != value else "")
    text += f" | clean: {classes[0]} | adversarial: {classes[1]}"
    qtbot.waitUntil(lambda: bench.glass.reading == text)
    # Hidden layers are read too, outside the image there is nothing to read.
    for name in (ADVERSARIAL, AFTER, CLEAN):
        controller.shown(name).visible = False
    assert words(controller, clean, place) == text
    assert words(controller, clean, clean.data_to_world((-3, 9, 12))) == ""
    # With the pointer at rest, the next slice is read.
    wheel(native(window), at, -120)
    qtbot.waitUntil(lambda: bench.glass.reading != text)


def test_intensities_have_units():
    assert in_units(np.int16(-34), "HU") == "HU -34"
    assert in_units(np.uint8(128), "grey level") == "grey level 128"
    assert in_units(np.float32(0.1234567), "grey level") == "grey level 0.12346"
    assert in_units(np.array([200, 90, 30], np.uint8), "grey level") == "RGB 200, 90, 30"


def test_the_pointer_that_leaves_takes_its_reading_along(window, qtbot, bench):
    image = show(window, patient())
    steady(qtbot, window)
    y, x = np.argwhere(image.data[12] == LEFT).mean(axis=0)
    place = image.data_to_world((12, y, x))
    move(qtbot, native(window), bench.glass.on_canvas(*place[1:]).toPoint())
    qtbot.waitUntil(lambda: bench.glass.reading == f"HU {LEFT}")
    from qtpy.QtCore import QEvent
    from qtpy.QtWidgets import QApplication

    QApplication.sendEvent(native(window), QEvent(QEvent.Leave))
    assert bench.glass.reading == ""


def test_everything_is_there_while_any_panel_is_and_gone_with_the_last(window, qtbot):
    assert ViewTools.of(window) is None
    wheels, drags = list(window.mouse_wheel_callbacks), list(window.mouse_drag_callbacks)
    _, one = window.window.add_plugin_dock_widget("napari-segadv", "Runs")
    _, two = window.window.add_plugin_dock_widget("napari-segadv", "Slices")
    steady(qtbot, window)
    bench = ViewTools.of(window)
    assert bench.bar.isVisible()
    close_dock(qtbot, one)
    assert ViewTools.of(window) is bench
    close_dock(qtbot, two)
    assert ViewTools.of(window) is None
    assert (window.mouse_wheel_callbacks, window.mouse_drag_callbacks) == (wheels, drags)
    assert "Shift-O" not in map(str, window.keymap)
