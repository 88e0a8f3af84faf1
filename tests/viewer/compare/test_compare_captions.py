"""What the Compare panel writes on the canvas: which image is seen, and nothing once it is over."""

import pytest
from clicks import click, close_dock, steady
from compare_window import canvas, press, show
from qtpy.QtCore import Qt

CAPTIONS = {
    "swipe": "left: clean, right: adversarial",
    "difference": "adversarial minus clean",
}


@pytest.fixture
def compared(window, qtbot, flat):
    """The panel beside a run, with its clean and its adversarial image."""
    images = show(window, flat)
    compare = window.window.add_plugin_dock_widget("napari-segadv", "Compare")[1]
    steady(qtbot, window)
    return compare, *images


def written(window):
    """The caption that is seen; None: there is none."""
    overlay = window.canvas.overlays.text
    return overlay.text if overlay.visible and overlay.box else None


def all_of_it(window):
    overlay = window.canvas.overlays.text
    names = [layer.name_overlay.visible for layer in window.layers]
    return overlay.text, overlay.visible, overlay.box, names


def test_blink_says_which_of_the_two_is_seen(window, compared, qtbot):
    compare, _, adversarial = compared
    before, seen = all_of_it(window), []

    def note(event):
        seen.append((written(window), adversarial.opacity))

    compare.rate.setValue(10)
    click(qtbot, compare.modes["blink"])
    assert written(window) == "adversarial"
    window.canvas.overlays.text.events.text.connect(note)
    qtbot.waitUntil(lambda: len(seen) >= 4)
    window.canvas.overlays.text.events.text.disconnect(note)
    assert seen[:4] == [("clean", 0.0), ("adversarial", 1.0)] * 2
    press(qtbot, window, Qt.Key_B, Qt.ShiftModifier)
    assert all_of_it(window) == before


@pytest.mark.parametrize("name", CAPTIONS)
def test_swipe_and_difference_say_what_is_where(window, compared, qtbot, name):
    compare = compared[0]
    before = all_of_it(window)
    click(qtbot, compare.modes[name])
    assert written(window) == CAPTIONS[name]
    click(qtbot, compare.modes[name])
    assert all_of_it(window) == before
    assert written(window) is None


@pytest.mark.parametrize("name", ["", "blink", *CAPTIONS])
def test_the_clean_image_is_named_while_h_is_held(window, compared, qtbot, name):
    compare = compared[0]
    # Slow, so that nothing blinks meanwhile.
    compare.rate.setValue(0.5)
    before = all_of_it(window)
    if name:
        click(qtbot, compare.modes[name])
    during = written(window)
    qtbot.keyPress(canvas(window), Qt.Key_H)
    assert written(window) == "clean"
    qtbot.keyRelease(canvas(window), Qt.Key_H)
    assert written(window) == during
    if name:
        click(qtbot, compare.modes[name])
    assert all_of_it(window) == before


def test_tiles_are_named_by_their_images(window, compared, qtbot):
    compare, image, adversarial = compared
    before = all_of_it(window)
    adversarial.name_overlay.visible = True
    click(qtbot, compare.modes["side by side"])
    named = [layer for layer in window.layers if layer.name_overlay.visible]
    assert named == [image, adversarial]
    assert written(window) is None
    click(qtbot, compare.modes["side by side"])
    # What was on before stays on.
    assert [layer for layer in window.layers if layer.name_overlay.visible] == [adversarial]
    adversarial.name_overlay.visible = False
    assert all_of_it(window) == before


@pytest.mark.parametrize("name", ["blink", "side by side", *CAPTIONS])
def test_a_text_of_the_users_own_comes_back(window, compared, qtbot, name):
    compare = compared[0]
    overlay = window.canvas.overlays.text
    overlay.text, overlay.visible, overlay.box = "patient 7", True, False
    before = all_of_it(window)
    click(qtbot, compare.modes[name])
    qtbot.keyPress(canvas(window), Qt.Key_H)
    qtbot.keyRelease(canvas(window), Qt.Key_H)
    click(qtbot, compare.modes["swipe"])
    assert written(window) == (None if name == "swipe" else CAPTIONS["swipe"])
    # Closing the panel is leaving, too.
    close_dock(qtbot, compare)
    assert all_of_it(window) == before
