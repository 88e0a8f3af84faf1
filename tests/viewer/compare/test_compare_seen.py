"""Comparisons as they are seen on the screen: tiles beside a volume, differences on black."""

from dataclasses import replace

import numpy as np
import pytest
from clicks import click, drained
from compare_window import on_canvas, press, show
from qtpy.QtCore import Qt
from roles import role, shown_as, titles

from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, CLEAN

BLACK = (0, 0, 0)


def seen(window, qtbot):
    """The canvas in colours, once it is drawn."""
    drained(qtbot)
    return window.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)


def at(picture, window, place):
    """The pixel of a screenshot at a place of the world."""
    x, y = on_canvas(window, place)
    return tuple(picture[round(y), round(x)])


def hide_predictions(window):
    for layer in shown_as(window, CLEAN, AFTER):
        layer.visible = False


def test_a_picture_of_two_dimensions_side_by_side_while_a_volume_is_open(
    window, compare, qtbot, flat, ct
):
    data, keywords, _ = image_tuple(ct, "ct")
    volume = window.add_image(data, **keywords)
    image, adversarial = show(window, flat)
    assert window.dims.ndim == 3
    # Hidden because it is not the chosen image; the user wants to see both.
    assert not volume.visible
    volume.visible = True
    before = titles(window)
    press(qtbot, window, Qt.Key_S, Qt.ShiftModifier)
    assert compare.comparison.name == "side by side"
    assert compare.status.text() == ""
    assert window.canvas.grid.enabled
    assert window.canvas.grid.actual_shape(window.layers) == (1, 2)
    assert not volume.visible
    hide_predictions(window)
    window.fit_to_view()
    picture = seen(window, qtbot)[..., 0]
    half = picture.shape[1] // 2
    for tile in (picture[:, :half], picture[:, half:]):
        assert tile.max() > 200
    press(qtbot, window, Qt.Key_S, Qt.ShiftModifier)
    assert not window.canvas.grid.enabled
    assert titles(window) == before
    assert volume.visible


def test_the_zoom_is_as_before_where_a_volume_is_open(window, compare, qtbot, flat, ct):
    data, keywords, _ = image_tuple(ct, "ct")
    window.add_image(data, **keywords)
    show(window, flat)
    window.scene.camera.zoom = zoom = 4.0
    click(qtbot, compare.modes["side by side"])
    assert window.scene.camera.zoom < zoom
    click(qtbot, compare.modes["side by side"])
    assert window.scene.camera.zoom == pytest.approx(zoom)


def test_darker_and_brighter_are_both_seen_in_3d(window, compare, qtbot, deep):
    noise = np.zeros_like(deep.noise)
    # In the middle: before and behind it nothing changed, which is more than what is darker.
    noise[2:4, 4:16, 2:10], noise[2:4, 4:16, 14:22] = 12, -12
    show(window, replace(deep, noise=noise))
    hide_predictions(window)
    window.dims.ndisplay = 3
    press(qtbot, window, Qt.Key_X, Qt.ShiftModifier)
    assert compare.comparison.name == "difference"
    window.fit_to_view()
    red, _, blue = np.moveaxis(seen(window, qtbot), -1, 0)
    assert np.count_nonzero(blue > red + 40) > 100
    assert np.count_nonzero(red > blue + 40) > 100


@pytest.fixture
def halved(flat):
    """An example that was changed in its right half alone."""
    noise = np.array(flat.noise)
    noise[:, :32] = 0
    noise[:24, 32:], noise[24:, 32:] = 12, -12
    array = np.clip(flat.clean.array + noise, 0, 255).astype(np.uint8)
    return replace(flat, noise=noise, adversarial=replace(flat.adversarial, array=array))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_difference_lies_on_black_and_no_image_shines_through(
    window, compare, qtbot, halved, theme
):
    window.theme = theme
    image, adversarial = show(window, halved)
    hide_predictions(window)
    untouched, brighter, darker = (24, 15), (10, 50), (40, 50)
    ground = seen(window, qtbot)[2, 2]
    assert (ground.mean() > 128) == (theme == "light")
    press(qtbot, window, Qt.Key_X, Qt.ShiftModifier)
    assert [layer.opacity for layer in (image, adversarial)] == [0.0, 0.0]
    picture = seen(window, qtbot)
    assert tuple(picture[2, 2]) == BLACK
    assert at(picture, window, untouched) == BLACK
    red, _, blue = at(picture, window, brighter)
    assert red > blue + 40
    red, _, blue = at(picture, window, darker)
    assert blue > red + 40
    press(qtbot, window, Qt.Key_X, Qt.ShiftModifier)
    assert [layer.opacity for layer in (image, adversarial)] == [1.0, 1.0]
    picture = seen(window, qtbot)
    np.testing.assert_array_equal(picture[2, 2], ground)
    assert at(picture, window, untouched)[0] > 40
    assert role(window, ADVERSARIAL).visible
