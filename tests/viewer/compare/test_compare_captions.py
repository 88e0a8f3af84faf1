"""What the Compare panel writes on the canvas: which image is seen, and nothing once it is over."""

import numpy as np
import pytest
from clicks import click, close_dock, drained, steady
from compare_window import canvas, press, show
from qtpy.QtCore import Qt

SIDES = {"segadv_left": ("clean", "top_left"), "segadv_right": ("adversarial", "top_right")}
CAPTIONS = {
    "side by side": SIDES,
    "swipe": SIDES,
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
    """The caption that is seen, or those of both sides; None: there is none."""
    overlays = window.canvas.overlays
    sides = {name: overlays[name] for name in SIDES if name in overlays}
    seen = {name: (x.text, str(x.position)) for name, x in sides.items() if x.visible and x.box}
    if seen:
        return seen
    text = overlays.text
    return text.text if text.visible and text.box else None


def all_of_it(window):
    overlays = window.canvas.overlays
    text, names = overlays.text, [layer.name_overlay.visible for layer in window.layers]
    look = text.text, text.visible, text.box, str(text.position), text.font_size
    return *look, names, sorted(overlays)


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
def test_each_way_says_what_is_where(window, compared, qtbot, name):
    compare = compared[0]
    before = all_of_it(window)
    click(qtbot, compare.modes[name])
    assert written(window) == CAPTIONS[name]
    click(qtbot, compare.modes[name])
    assert all_of_it(window) == before
    assert written(window) is None


@pytest.mark.parametrize("name", ["", "blink", "swipe", "difference"])
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


def test_captions_are_seen_over_their_tiles(window, compared, qtbot):
    """Judged by the pixels: the same ones are bright in both corners, and in no other place."""
    compare = compared[0]
    for layer in window.layers:
        layer.opacity = 0
    drained(qtbot)
    window.canvas.background_color_override = "black"
    click(qtbot, compare.modes["side by side"])
    for layer in window.layers:
        layer.opacity = 0
    drained(qtbot)
    bright = window.screenshot(canvas_only=True, flash=False)[..., :3].min(axis=-1) > 128
    height, width = bright.shape
    rows, columns = np.nonzero(bright)
    assert rows.max() < height / 8
    left, right = columns < width / 2, columns >= width / 2
    assert left.sum() > 20
    # "adversarial" is twice as long as "clean".
    assert right.sum() > 1.5 * left.sum()
    assert columns[left].max() < width / 4
    assert columns[right].min() > width * 0.6


@pytest.mark.parametrize("name", ["blink", *CAPTIONS])
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
