"""Every control of the Compare panel with real keys and clicks."""

import numpy as np
import pytest
from clicks import after_timers, click
from compare_window import canvas, drag, show
from controls import tick, type_in
from qtpy.QtCore import Qt
from roles import role

from napari_segadv.data.window_presets import numbered, presets_for


def test_the_rate_that_is_typed_is_the_rate_of_blinking(window, compare, qtbot, flat):
    _, adversarial = show(window, flat)
    flips = []
    adversarial.events.opacity.connect(lambda: flips.append(adversarial.opacity))
    type_in(qtbot, compare.rate, "0.5")
    click(qtbot, compare.modes["blink"])
    assert compare.timer.interval() == 2000
    assert flips == []
    with qtbot.waitSignal(compare.timer.timeout):
        pass
    assert flips == [0.0]
    # In mid-blink.
    type_in(qtbot, compare.rate, "10")
    assert compare.timer.isActive()
    assert compare.timer.interval() == 100
    qtbot.waitUntil(lambda: len(flips) >= 5)
    assert flips[:5] == [0.0, 1.0, 0.0, 1.0, 0.0]
    type_in(qtbot, compare.rate, "2.5")
    assert compare.timer.interval() == 400
    click(qtbot, compare.modes["blink"])
    assert not compare.timer.isActive()
    stopped = len(flips)
    after_timers(qtbot, compare.timer.interval())
    assert len(flips) == stopped


def test_level_and_width_are_typed(window, compare, qtbot, deep):
    image, adversarial = show(window, deep)
    section = compare.window_section
    type_in(qtbot, section.width_box, "300")
    type_in(qtbot, section.level, "100")
    for layer in (image, adversarial):
        assert tuple(layer.contrast_limits) == (-50, 250)
    type_in(qtbot, section.width_box, "80")
    assert tuple(adversarial.contrast_limits) == (60, 140)
    assert section.level.value() == 100
    assert not any(button.isChecked() for button in section.buttons.values())
    type_in(qtbot, section.level, "-600")
    assert tuple(image.contrast_limits) == (-640, -560)


def test_each_window_has_a_button(window, compare, qtbot, deep):
    image, adversarial = show(window, deep)
    section, scan = compare.window_section, deep.clean
    presets = dict(numbered(presets_for(scan.units, scan.bounds)))
    assert list(section.buttons) == list(presets) == list(range(1, 8))
    for number, preset in presets.items():
        button = section.buttons[number]
        assert button.text() == f"{number}  {preset.name}"
        click(qtbot, button)
        for layer in (image, adversarial):
            assert tuple(layer.contrast_limits) == preset.limits
        assert (section.level.value(), section.width_box.value()) == (preset.centre, preset.width)
        assert [n for n, b in section.buttons.items() if b.isChecked()] == [number]
    # Once more: it stays pressed down.
    click(qtbot, section.buttons[7])
    assert section.buttons[7].isChecked()


def test_the_check_mark_of_the_drag(window, compare, qtbot, deep):
    image, _ = show(window, deep)
    section = compare.window_section
    middle = canvas(window).width() / 2, canvas(window).height() / 2
    click(qtbot, section.buttons[2])
    tick(qtbot, section.drag)
    drag(qtbot, window, middle, (middle[0] + 150, middle[1]))
    assert section.width_box.value() == pytest.approx(800, rel=0.02)
    limits, centre = tuple(image.contrast_limits), window.scene.camera.center
    tick(qtbot, section.drag)
    drag(qtbot, window, middle, (middle[0] + 60, middle[1]))
    assert tuple(image.contrast_limits) == limits
    assert window.scene.camera.center != centre


def test_the_swipe_line_goes_by_keys(window, compare, qtbot, flat):
    show(window, flat)
    assert not compare.line.isEnabled()
    click(qtbot, compare.modes["swipe"])
    line, swipe = compare.line, role(window, "swipe")
    clean, changed = flat.clean.array, flat.adversarial.array
    qtbot.keyClick(line, Qt.Key_Home)
    assert compare.comparison.share == 0
    np.testing.assert_array_equal(swipe._slice.image.view[:, 1:], changed[:, 1:])
    qtbot.keyClick(line, Qt.Key_End)
    assert compare.comparison.share == 1
    np.testing.assert_array_equal(swipe._slice.image.view[:, :-1], clean[:, :-1])
    for _ in range(30):
        qtbot.keyClick(line, Qt.Key_PageDown)
    share = 1 - 30 * line.pageStep() / line.maximum()
    assert 0.5 < share < 1
    assert compare.comparison.share == pytest.approx(share)
    at = round(share * clean.shape[1])
    view = swipe._slice.image.view
    np.testing.assert_array_equal(view[:, : at - 1], clean[:, : at - 1])
    np.testing.assert_array_equal(view[:, at + 1 :], changed[:, at + 1 :])
    qtbot.keyClick(line, Qt.Key_Left)
    qtbot.keyClick(line, Qt.Key_Left)
    qtbot.keyClick(line, Qt.Key_Right)
    assert compare.comparison.share == pytest.approx(share - 0.001)


def test_the_gain_is_typed(window, compare, qtbot, deep):
    image, _ = show(window, deep)
    assert not compare.gain.isEnabled()
    click(qtbot, compare.modes["difference"])
    click(qtbot, compare.window_section.buttons[2])
    type_in(qtbot, compare.gain, "25")
    assert tuple(role(window, "difference").contrast_limits) == (-8, 8)
    assert compare.full_colour.text() == "strongest colour at ±8 HU"
    assert tuple(image.contrast_limits) == (-160, 240)
