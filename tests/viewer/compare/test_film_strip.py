"""The film strip of a volume's worst slices: which, in which order, what is seen, and the click."""

from dataclasses import replace

import numpy as np
import pytest
from clicks import click, drained
from compare_window import press, show
from compared import again
from controls import pick
from helpers import mask_on
from pictured import CLASSES, body, film
from qtpy.QtCore import QPoint, Qt

from napari_segadv.viewer.compare.contours import CONTOURS, HIDDEN
from napari_segadv.viewer.compare.strip import GAP, TITLE
from napari_segadv.viewer.compare.strip_section import CHANGED, VISIBLE


@pytest.fixture
def uneven(deep):
    """The prediction changes in slices 3, 2 and 4, most in 3; the image in 5 and 1, most in 5."""
    clean, after = (np.zeros(deep.clean.grid.shape, np.uint8) for _ in range(2))
    for number, wide in ((2, 6), (3, 9), (4, 3)):
        clean[number, 5:15, 4 : 4 + wide] = 1
    array = deep.clean.array.copy()
    array[5, 4:16, 4:20] += np.tile([80, -80], (12, 8)).astype(array.dtype)
    array[1, 4:10, 4:10] += 20
    maps = [mask_on(deep.clean, labels, CLASSES) for labels in (clean, after)]
    return replace(
        deep,
        adversarial=replace(deep.adversarial, array=array),
        noise=(array - deep.clean.array).astype(np.float32),
        prediction_clean=maps[0],
        prediction_adversarial=maps[1],
        target=maps[1],
    )


def shown(qtbot, compare):
    """The numbers of the slices in the strip, once they are found and drawn."""
    strip = compare.strip
    qtbot.waitUntil(lambda: not strip.latest.busy and bool(strip.strip.film.frames))
    return [frame.number for frame in strip.strip.film.frames]


def test_the_worst_slice_comes_first_by_prediction_or_visibility(window, compare, qtbot, uneven):
    show(window, uneven)
    assert compare.worst.isVisible()
    assert shown(qtbot, compare) == [3, 2, 4]
    tips = [frame.tip for frame in compare.strip.strip.film.frames]
    assert tips[0] == "slice 3: 168.8 mm². Click to go to it"
    press(qtbot, window, Qt.Key_2)
    pick(qtbot, compare.strip.by, VISIBLE)
    assert shown(qtbot, compare) == [5, 1]
    assert "SSIM 0." in compare.strip.strip.film.frames[0].tip
    # What is seen depends on the window: nothing of it in one of air.
    compare.comparison.window.set(-3000, 100)
    qtbot.waitUntil(lambda: compare.strip.note.text() == "no slice has changed")
    assert compare.strip.strip.film.frames == ()
    press(qtbot, window, Qt.Key_2)
    assert shown(qtbot, compare) == [5, 1]
    pick(qtbot, compare.strip.by, CHANGED)
    assert shown(qtbot, compare) == [3, 2, 4]


def test_a_click_goes_to_the_slice_from_any_view(window, compare, qtbot, uneven):
    image, _ = show(window, uneven)
    numbers = shown(qtbot, compare)
    film_ = compare.strip.strip.film
    for order, ndisplay in (((0, 1, 2), 2), ((1, 0, 2), 2), ((0, 1, 2), 3)):
        for index, number in enumerate(numbers):
            window.dims.order, window.dims.ndisplay = order, ndisplay
            qtbot.mouseClick(film_, Qt.LeftButton, pos=film_.place(index).center())
            assert window.dims.ndisplay == 2
            assert window.dims.order[0] == 0
            world = window.dims.point[0]
            assert round(image.world_to_data((world, 0, 0))[0]) == number
            assert film_.number == number
    window.dims.set_point(0, image.data_to_world((0, 0, 0))[0])
    assert film_.number == 0
    # Beside the pictures there is nothing to go to.
    qtbot.mouseClick(film_, Qt.LeftButton, pos=QPoint(1, TITLE + 3))
    assert film_.number == 0


def rows_of(film_, index):
    """The upper and the lower picture of a frame, in colours."""
    picture = film_.grab().toImage()
    place = film_.place(index)
    high = (place.height() - TITLE) // 2 - GAP

    def cut(top):
        return np.array(
            [
                [picture.pixelColor(x, y).getRgb()[:3] for x in range(place.left(), place.right())]
                for y in range(top + 2, top + high - 2)
            ]
        )

    return cut(TITLE), cut(TITLE + high + GAP)


def red_in(picture):
    return np.count_nonzero(picture[..., 0] > picture[..., 1] + 25)


def test_clean_lies_above_adversarial_each_with_its_prediction(window, compare, qtbot, uneven):
    show(window, uneven)
    assert shown(qtbot, compare)[0] == 3
    upper, lower = rows_of(compare.strip.strip.film, 0)
    assert red_in(upper) > 100
    assert red_in(lower) == 0
    pick(qtbot, compare.look, CONTOURS)
    drained(qtbot)
    upper, lower = rows_of(compare.strip.strip.film, 0)
    green = (upper[..., 1] > upper[..., 0] + 60) & (upper[..., 1] > upper[..., 2] + 60)
    assert 50 < green.sum() < upper[..., 0].size / 4
    pick(qtbot, compare.look, HIDDEN)
    drained(qtbot)
    for picture in rows_of(compare.strip.strip.film, 0):
        np.testing.assert_allclose(picture[..., 0], picture[..., 1], atol=1)


def test_pictures_lie_as_in_the_viewer_and_in_its_window(window, compare, qtbot, uneven):
    """The volume is flipped: the end of its rows is on the left of the screen."""
    show(window, uneven)
    shown(qtbot, compare)
    upper, _ = rows_of(compare.strip.strip.film, 0)
    columns = np.nonzero(upper[..., 0] > upper[..., 1] + 25)[1]
    # Columns 4 to 12 of 24, from the right; rows 5 to 14 of 20, from below.
    wide = upper.shape[1]
    assert columns.min() > 0.4 * wide
    assert columns.max() < 0.9 * wide
    bright = upper.mean()
    compare.window_section.width_box.setValue(8000)
    compare.window_section.level.setValue(3900)
    qtbot.waitUntil(lambda: rows_of(compare.strip.strip.film, 0)[0].mean() < bright / 2)


def test_no_strip_for_a_picture_and_none_without_a_change(window, compare, qtbot, flat, deep):
    show(window, film(flat))
    assert not compare.worst.isVisible()
    same = replace(
        body(deep),
        adversarial=deep.clean,
        noise=np.zeros_like(deep.noise),
        prediction_adversarial=body(deep).prediction_clean,
    )
    image, _ = show(window, same)
    qtbot.waitUntil(lambda: compare.strip.note.text() == "no slice has changed")
    assert compare.worst.isVisible()
    assert compare.strip.strip.film.frames == ()
    # The next run of the same image has some again.
    again(compare.controller, body(deep), image)
    assert shown(qtbot, compare) == [2, 3, 4]
    click(qtbot, compare.modes["side by side"])
    compare.controller.runs.remove(compare.controller.runs.current)
    assert not compare.worst.isVisible()
