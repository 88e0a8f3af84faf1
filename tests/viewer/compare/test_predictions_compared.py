"""Each image with its own prediction, in every mode and look, as it is seen on the screen."""

from itertools import product

import numpy as np
import pytest
from clicks import click
from compare_window import canvas, on_canvas, show
from compared import same, state
from controls import pick
from pictured import DARK, PALE, film, found, grey_at, places, seen, show_target
from qtpy.QtCore import Qt
from roles import role

from napari_segadv.viewer.compare.comparison import MODES
from napari_segadv.viewer.compare.contours import AS_SHOWN, CONTOURS, FILLED, HIDDEN, LOOKS

LINES = {"clean line", "adversarial line", "target line"}
# What is seen with each image.
OF_CLEAN = {AS_SHOWN: {"clean fill"}, CONTOURS: {"clean line"}, FILLED: {"clean fill"}}
OF_AFTER = {
    AS_SHOWN: {"adversarial fill", "target line"},
    CONTOURS: {"adversarial line", "target line"},
    FILLED: {"adversarial fill", "target line"},
}
# A place where nothing is predicted.
BESIDE = (30, 30)


@pytest.fixture
def shown(window, compare, qtbot, flat):
    """A film with its target, both predictions as a run leaves them: only the last is visible."""
    example = film(flat)
    image, adversarial = show(window, example)
    for layer in (image, adversarial):
        layer.contrast_limits = (0, 255)
    show_target(compare.controller, image, example)
    window.fit_to_view()
    return compare


def looking(qtbot, compare, look):
    if compare.look.currentText() != look:
        pick(qtbot, compare.look, look)
    assert compare.comparison.look == look


@pytest.mark.parametrize("look", LOOKS)
def test_blink_shows_each_image_with_its_own(window, shown, qtbot, look):
    looking(qtbot, shown, look)
    click(qtbot, shown.modes["blink"])
    shown.timer.stop()
    for _ in range(2):
        picture = seen(window, qtbot)
        assert found(picture) == OF_AFTER.get(look, set())
        assert grey_at(picture, window, BESIDE) == pytest.approx(PALE, abs=3)
        shown.comparison.flip()
        picture = seen(window, qtbot)
        assert found(picture) == OF_CLEAN.get(look, set())
        assert grey_at(picture, window, BESIDE) == pytest.approx(DARK, abs=3)
        shown.comparison.flip()


@pytest.mark.parametrize("look", LOOKS)
def test_side_by_side_each_tile_has_its_own(window, shown, qtbot, look):
    looking(qtbot, shown, look)
    click(qtbot, shown.modes["side by side"])
    picture = seen(window, qtbot)
    # Without the captions, which are white.
    middle = picture.shape[1] // 2
    assert found(picture[:, :middle]) == OF_CLEAN.get(look, set())
    assert found(picture[:, middle:]) == OF_AFTER.get(look, set())


@pytest.mark.parametrize("look", LOOKS)
def test_swipe_cuts_image_and_predictions_at_one_line(window, shown, qtbot, look):
    looking(qtbot, shown, look)
    click(qtbot, shown.modes["swipe"])
    for share in (0.5, 0.4, 0.6):
        shown.line.setValue(round(1000 * share))
        picture = seen(window, qtbot)
        line, _ = on_canvas(window, (0, shown.comparison.mode.world()))
        assert found(picture) == OF_CLEAN.get(look, set()) | OF_AFTER.get(look, set())
        for name in OF_CLEAN.get(look, set()):
            columns = places(picture, name)[1]
            # Up to the line, which is a few pixels wide.
            assert line - 6 < columns.max() <= line + 1
        for name in OF_AFTER.get(look, set()):
            columns = places(picture, name)[1]
            assert line - 1 <= columns.min() < line + 6
        left, right = ((30, 512 * share + step) for step in (-20, 20))
        assert grey_at(picture, window, left) == pytest.approx(DARK, abs=3)
        assert grey_at(picture, window, right) == pytest.approx(PALE, abs=3)


@pytest.mark.parametrize("look", LOOKS)
def test_the_difference_is_not_hidden_by_predictions(window, shown, qtbot, look):
    looking(qtbot, shown, look)
    click(qtbot, shown.modes["difference"])
    # So that the change itself is nearly black.
    shown.gain.setValue(0.1)
    picture = seen(window, qtbot)
    for name in LINES:
        expected = look in (CONTOURS, AS_SHOWN) or (look, name) == (FILLED, "target line")
        assert (len(places(picture, name)[0]) > 40) == expected


@pytest.mark.parametrize(("mode", "look"), product(["", "blink", "swipe", "difference"], LOOKS))
def test_held_h_shows_the_clean_pair(window, shown, qtbot, mode, look):
    looking(qtbot, shown, look)
    if mode:
        click(qtbot, shown.modes[mode])
        shown.timer.stop()
    before = seen(window, qtbot)
    qtbot.keyPress(canvas(window), Qt.Key_H)
    picture = seen(window, qtbot)
    expected = OF_CLEAN.get(look, set())
    if (mode, look) == ("difference", AS_SHOWN):
        expected = {"clean line"}
    assert found(picture) == expected
    assert grey_at(picture, window, BESIDE) == pytest.approx(DARK, abs=3)
    qtbot.keyRelease(canvas(window), Qt.Key_H)
    np.testing.assert_array_equal(seen(window, qtbot), before)


def test_without_a_mode_a_look_is_that_of_the_image_in_view(window, shown, qtbot):
    looking(qtbot, shown, CONTOURS)
    assert found(seen(window, qtbot)) == LINES
    looking(qtbot, shown, FILLED)
    assert found(seen(window, qtbot)) == {"adversarial fill", "target line"}
    looking(qtbot, shown, HIDDEN)
    assert found(seen(window, qtbot)) == set()


def test_a_target_that_is_hidden_stays_hidden_and_so_do_predictions(window, shown, qtbot):
    for layer in window.layers:
        if "target" in layer.name:
            layer.visible = False
    click(qtbot, shown.modes["blink"])
    # However long the pictures below take.
    shown.timer.stop()
    assert found(seen(window, qtbot)) == {"adversarial fill"}
    click(qtbot, shown.modes["blink"])
    for layer in window.layers:
        if "prediction" in layer.name:
            layer.visible = False
    for mode in ("blink", "side by side", "swipe"):
        click(qtbot, shown.modes[mode])
        assert found(seen(window, qtbot)) == set()
        click(qtbot, shown.modes[mode])


def test_any_mode_and_look_can_follow_any_other(window, shown, qtbot):
    """And at the end everything is as it was, to the pixel."""
    role(window, "prediction (clean)").opacity = 0.7
    role(window, "prediction (adversarial)").contour = 2
    before, picture = state(window), seen(window, qtbot)
    for look, mode in product((*LOOKS[1:], *LOOKS), MODES):
        looking(qtbot, shown, look)
        click(qtbot, shown.modes[mode])
        shown.timer.stop()
        assert (shown.comparison.look, shown.comparison.name) == (look, mode)
    click(qtbot, shown.modes[MODES[-1]])
    looking(qtbot, shown, AS_SHOWN)
    same(before, state(window))
    np.testing.assert_array_equal(seen(window, qtbot), picture)
