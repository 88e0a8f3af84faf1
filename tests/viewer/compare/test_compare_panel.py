"""The Compare panel in a real window: real clicks, keys and drags on the canvas."""

import time

import numpy as np
import pytest
from clicks import click, close_dock, drained, steady
from compare_window import canvas, drag, on_canvas, press, show
from controls import pick
from qtpy.QtCore import Qt
from roles import has, role, shown_as, titles

from napari_segadv.viewer.compare.contours import AS_SHOWN, CONTOURS, FILLED, ROLES
from napari_segadv.viewer.compare.panel import KEYS
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.names import AFTER, CLEAN, SEE_THROUGH


def test_blink_at_a_rate_and_while_a_key_is_held(window, compare, qtbot, flat):
    image, adversarial = show(window, flat)
    seen = []
    adversarial.events.opacity.connect(lambda: seen.append((time.monotonic(), adversarial.opacity)))
    compare.rate.setValue(10)
    click(qtbot, compare.modes["blink"])
    assert compare.modes["blink"].isChecked()
    qtbot.waitUntil(lambda: len(seen) >= 5)
    press(qtbot, window, Qt.Key_B, Qt.ShiftModifier)
    assert not compare.modes["blink"].isChecked()
    assert not compare.timer.isActive()
    assert adversarial.opacity == 1.0
    opacities = [o for _, o in seen]
    assert opacities[:4] == [0.0, 1.0, 0.0, 1.0]
    assert np.median(np.diff([t for t, _ in seen])) >= 0.05
    native = canvas(window)
    qtbot.keyPress(native, Qt.Key_H)
    assert adversarial.opacity == 0.0
    qtbot.keyRelease(native, Qt.Key_H)
    assert adversarial.opacity == 1.0


def test_each_mode_on_its_button_and_key(window, compare, qtbot, flat):
    image, adversarial = show(window, flat)
    before = titles(window)
    keys = {"side by side": Qt.Key_S, "swipe": Qt.Key_W, "difference": Qt.Key_X}
    for active in (image, role(window, AFTER)):
        window.layers.selection.active = active
        for name, key in keys.items():
            click(qtbot, compare.modes[name])
            assert compare.comparison.name == name
            assert [n for n, b in compare.modes.items() if b.isChecked()] == [name]
            assert window.canvas.grid.enabled == (name == "side by side")
            press(qtbot, window, key, Qt.ShiftModifier)
            assert compare.comparison.name == ""
            press(qtbot, window, key, Qt.ShiftModifier)
            assert compare.comparison.name == name
        click(qtbot, compare.modes["difference"])
        assert titles(window) == before
    click(qtbot, compare.modes["difference"])
    click(qtbot, compare.modes["swipe"])
    assert not has(window, "difference")
    assert has(window, "swipe")


def test_side_by_side_shows_both_pictures(window, compare, qtbot, flat):
    show(window, flat)
    press(qtbot, window, Qt.Key_S, Qt.ShiftModifier)
    for layer in shown_as(window, CLEAN, AFTER):
        layer.visible = False
    steady(qtbot, window)
    picture = window.screenshot(canvas_only=True, flash=False)[..., 0].astype(int)
    middle = picture.shape[1] // 2
    left, right = picture[:, :middle], picture[:, middle : 2 * middle]
    assert left.max() > 100
    # Two pictures of the same thing, a little unlike each other.
    assert 0 < np.abs(left - right)[:, 2:-2].mean() < 12


def test_swipe_by_the_slider_and_by_dragging(window, compare, qtbot, deep):
    image, adversarial = show(window, deep)
    click(qtbot, compare.modes["swipe"])
    drained(qtbot)
    swipe = role(window, "swipe")
    compare.line.setValue(250)
    # The volume is flipped: the left of the screen is the end of the array.
    clean, changed = deep.clean.array[2], deep.adversarial.array[2]
    window.dims.set_current_step(0, 2)
    np.testing.assert_array_equal(swipe._slice.image.view[:, 19:], clean[:, 19:])
    np.testing.assert_array_equal(swipe._slice.image.view[:, :17], changed[:, :17])
    centre, zoom = window.scene.camera.center, window.scene.camera.zoom
    y = np.mean([image.extent.world[0][1], image.extent.world[1][1]])
    x, row = on_canvas(window, (y, compare.comparison.mode.world()))
    width = deep.clean.array.shape[2] * 1.25 * zoom
    drag(qtbot, window, (x, row), (x + width / 2, row))
    assert compare.line.value() == pytest.approx(750, abs=40)
    assert compare.comparison.share == pytest.approx(0.75, abs=0.04)
    assert window.scene.camera.center == centre
    np.testing.assert_array_equal(swipe._slice.image.view[:, 9:], clean[:, 9:])
    # Away from the line a drag moves the image as ever.
    drag(qtbot, window, (x, row), (x + 60, row))
    assert window.scene.camera.center != centre
    assert compare.comparison.share == pytest.approx(0.75, abs=0.04)


def test_number_keys_whatever_layer_is_chosen(window, compare, qtbot, deep):
    image, adversarial = show(window, deep)
    buttons = compare.window_section.buttons
    assert len(buttons) == 7
    labels = window.add_labels(np.zeros(image.data.shape, np.uint8), name="mine")
    for active in (None, image, adversarial, labels):
        window.layers.selection.active = active
        for key, limits in (
            (Qt.Key_1, (-1350, 150)),
            (Qt.Key_2, (-160, 240)),
            (Qt.Key_3, (-500, 1300)),
            (Qt.Key_4, (0, 80)),
            (Qt.Key_5, (-20, 140)),
            (Qt.Key_6, (-125, 225)),
            (Qt.Key_7, (-1024, 3071)),
        ):
            press(qtbot, window, key)
            assert tuple(image.contrast_limits) == limits
            assert tuple(adversarial.contrast_limits) == limits
            number = int(key) - int(Qt.Key_0)
            assert [n for n, b in buttons.items() if b.isChecked()] == [number]
    assert labels.mode == "pan_zoom"
    click(qtbot, buttons[4])
    assert tuple(image.contrast_limits) == (0, 80)
    assert compare.window_section.level.value() == 40
    assert compare.window_section.level.suffix() == " HU"
    compare.window_section.width_box.setValue(100)
    assert tuple(adversarial.contrast_limits) == (-10, 90)
    # The painting keys of a layer come back when the panel goes.
    close_dock(qtbot, compare)
    drained(qtbot)
    window.layers.selection.active = labels
    press(qtbot, window, Qt.Key_2)
    assert labels.mode == "paint"
    assert tuple(adversarial.contrast_limits) == (-10, 90)


def test_full_range_alone_for_an_x_ray(window, compare, qtbot, flat):
    image, adversarial = show(window, flat)
    assert [b.text() for b in compare.window_section.buttons.values()] == ["7  full range"]
    compare.window_section.width_box.setValue(100)
    press(qtbot, window, Qt.Key_1)
    assert tuple(image.contrast_limits) != (0, 255)
    press(qtbot, window, Qt.Key_7)
    assert tuple(image.contrast_limits) == tuple(adversarial.contrast_limits) == (0, 255)


def test_drag_to_window(window, compare, qtbot, deep):
    image, adversarial = show(window, deep)
    section = compare.window_section
    centre, zoom = window.scene.camera.center, window.scene.camera.zoom
    middle = canvas(window).width() / 2, canvas(window).height() / 2
    section.drag.click()
    for button in (Qt.LeftButton, Qt.RightButton):
        press(qtbot, window, Qt.Key_2)
        drag(qtbot, window, middle, (middle[0] + 150, middle[1] - 30), button)
        assert section.width_box.value() == pytest.approx(800, rel=0.02)
        assert section.level.value() == pytest.approx(80, abs=3)
        assert tuple(adversarial.contrast_limits) == tuple(image.contrast_limits)
    assert window.scene.camera.center == centre
    assert window.scene.camera.zoom == zoom
    # Painting goes first.
    labels = window.add_labels(np.zeros(deep.clean.array.shape, int), scale=(3, 1.5, 1.25))
    labels.affine = image.affine.affine_matrix @ np.diag([1 / 3, 1 / 1.5, 1 / 1.25, 1])
    labels.mode = "paint"
    limits = tuple(image.contrast_limits)
    drag(qtbot, window, middle, (middle[0] + 20, middle[1]))
    assert tuple(image.contrast_limits) == limits
    assert labels.data.any()
    labels.mode = "pan_zoom"
    section.drag.click()
    drag(qtbot, window, middle, (middle[0] + 60, middle[1]))
    assert tuple(image.contrast_limits) == limits
    assert window.scene.camera.center != centre


def test_gain_and_what_it_means(window, compare, qtbot, deep):
    show(window, deep)
    press(qtbot, window, Qt.Key_2)
    click(qtbot, compare.modes["difference"])
    assert compare.gain.isEnabled()
    compare.gain.setValue(20)
    assert tuple(role(window, "difference").contrast_limits) == (-10, 10)
    assert compare.full_colour.text() == "strongest colour at ±10 HU"
    press(qtbot, window, Qt.Key_4)
    assert compare.full_colour.text() == "strongest colour at ±2 HU"


def test_a_run_is_let_go_while_its_difference_is_shown(window, compare, qtbot, deep):
    """The window goes to the image that is chosen now before the comparison hears of it."""
    show(window, deep)
    click(qtbot, compare.modes["difference"])
    other = window.add_image(np.zeros((40, 30), np.uint8), name="another film")
    window.layers.selection.active = other
    Controller.of(window).runs.current = None
    steady(qtbot, window)
    assert compare.comparison.name == ""
    assert not compare.full_colour.isVisible()


def test_contours_on_the_list_and_on_a_key(window, compare, qtbot, flat):
    show(window, flat)
    after, colours = role(window, AFTER), role(window, AFTER).colormap
    lines = {each.lines for each in ROLES}
    assert not compare.legend.isVisible()
    press(qtbot, window, Qt.Key_C, Qt.ShiftModifier)
    assert compare.look.currentText() == CONTOURS
    assert all(role(window, line).visible for line in lines)
    assert not after.visible
    assert compare.legend.isVisible()
    assert "target: thin" in compare.legend.text()
    press(qtbot, window, Qt.Key_C, Qt.ShiftModifier)
    assert compare.look.currentText() == AS_SHOWN
    assert not shown_as(window, *lines)
    assert after.visible
    assert after.contour == 0
    assert after.colormap is colours
    after.contour, after.opacity = 3, 0.9
    pick(qtbot, compare.look, FILLED)
    assert (after.contour, after.opacity) == (0, SEE_THROUGH)
    assert not role(window, CLEAN).visible
    compare.look.setFocus()
    qtbot.keyClicks(compare.look, "hidden")
    assert compare.look.currentText() == "hidden"
    assert not after.visible
    pick(qtbot, compare.look, AS_SHOWN)
    assert (after.visible, after.contour, after.opacity) == (True, 3, 0.9)


def test_without_a_run_and_after_it_was_removed(window, compare, qtbot, flat):
    assert not any(b.isEnabled() for b in compare.modes.values())
    press(qtbot, window, Qt.Key_B, Qt.ShiftModifier)
    assert "no run is shown" in compare.status.text()
    qtbot.keyPress(canvas(window), Qt.Key_H)
    qtbot.keyRelease(canvas(window), Qt.Key_H)
    image, adversarial = show(window, flat)
    assert all(b.isEnabled() for b in compare.modes.values())
    assert "pgd 1" in compare.run_name.text()
    click(qtbot, compare.modes["blink"])
    window.layers.remove(adversarial)
    assert not compare.timer.isActive()
    assert "removed" in compare.status.text()
    click(qtbot, compare.modes["swipe"])
    assert "show the run again" in compare.status.text()
    assert not compare.modes["swipe"].isChecked()
    controller = Controller.of(window)
    controller.runs.remove(controller.runs.current)
    assert not compare.modes["swipe"].isEnabled()
    window.layers.clear()


def test_tooltips_and_keys(window, compare, qtbot):
    editors = (compare.rate, compare.line, compare.gain, compare.look, compare.full_colour)
    section = compare.window_section
    for widget in (*compare.modes.values(), *editors, section.level, section.width_box):
        assert widget.toolTip()
    assert len({key.key for key in KEYS}) == len(KEYS)
    for key in KEYS:
        assert callable(getattr(compare, key.method))
