"""The swipe line cuts boxes and their texts, a classifier's text, and volumes from all sides."""

import numpy as np
import pytest
from clicks import click
from compare_window import canvas, on_canvas, show
from controls import pick
from pictured import body, boxed, colours, graded, seen
from qtpy.QtCore import Qt

from napari_segadv.viewer.compare.contours import CONTOURS, FILLED
from napari_segadv.viewer.layers.names import AFTER, CLEAN


def inks(picture):
    """Rows and columns of what is drawn in the colours of the first and of the second class."""
    red, green, blue = np.moveaxis(picture, -1, 0)
    first = (red > 170) & (green < 110) & (blue < 110)
    second = (blue > 190) & (red < 110) & (green > 110)
    return [np.nonzero(each) for each in (first, second)]


def line_of(window, compare):
    return on_canvas(window, (0, compare.comparison.mode.world()))[0]


@pytest.mark.parametrize("kind", [boxed, graded])
def test_boxes_and_texts_end_at_the_line(window, compare, qtbot, flat, kind):
    show(window, kind(flat))
    layers = [compare.controller.shown(name) for name in (CLEAN, AFTER)]
    before = [len(layer.experimental_clipping_planes) for layer in layers]
    window.fit_to_view()
    click(qtbot, compare.modes["swipe"])
    for share in (0.5, 0.45, 0.55):
        compare.line.setValue(round(1000 * share))
        clean, after = inks(seen(window, qtbot))
        line = line_of(window, compare)
        assert len(clean[0]) > 50
        assert len(after[0]) > 50
        assert clean[1].max() <= line + 1
        assert after[1].min() >= line - 1
    # Both reach up to it: nothing is left out.
    reach = 4 if kind is boxed else 40
    assert clean[1].max() > line - reach
    assert after[1].min() < line + reach
    # On both ends one of them is seen as a whole, and the other not at all.
    compare.line.setValue(0)
    clean, after = inks(seen(window, qtbot))
    assert len(clean[0]) == 0
    whole = len(after[0])
    compare.line.setValue(1000)
    clean, after = inks(seen(window, qtbot))
    assert len(after[0]) == 0
    assert len(clean[0]) > 0.5 * whole
    click(qtbot, compare.modes["swipe"])
    planes = [len(layer.experimental_clipping_planes) for layer in layers]
    assert planes == before == [0, 0]


def test_both_classes_stand_in_one_place(window, compare, qtbot, flat):
    show(window, graded(flat))
    click(qtbot, compare.modes["swipe"])
    rows = []
    for value, which in ((1000, 0), (0, 1)):
        compare.line.setValue(value)
        rows.append(inks(seen(window, qtbot))[which][0])
    assert rows[0].min() == pytest.approx(rows[1].min(), abs=3)
    assert rows[0].max() == pytest.approx(rows[1].max(), abs=3)
    click(qtbot, compare.modes["swipe"])
    clean, after = inks(seen(window, qtbot))
    assert clean[0].max() < after[0].min()


@pytest.mark.parametrize("kind", [boxed, graded])
def test_held_h_shows_all_of_what_belongs_to_the_clean_image(window, compare, qtbot, flat, kind):
    show(window, kind(flat))
    click(qtbot, compare.modes["swipe"])
    compare.line.setValue(480)
    cut = seen(window, qtbot)
    line = line_of(window, compare)
    qtbot.keyPress(canvas(window), Qt.Key_H)
    clean, after = inks(seen(window, qtbot))
    assert clean[1].max() > line + 10
    assert len(after[0]) == 0
    qtbot.keyRelease(canvas(window), Qt.Key_H)
    np.testing.assert_array_equal(seen(window, qtbot), cut)


@pytest.mark.parametrize("kind", [boxed, graded])
@pytest.mark.parametrize("mode", ["blink", "side by side"])
def test_boxes_and_classes_go_with_their_images(window, compare, qtbot, flat, kind, mode):
    show(window, kind(flat))
    window.fit_to_view()
    click(qtbot, compare.modes[mode])
    compare.timer.stop()
    picture = seen(window, qtbot)
    half = picture.shape[1] // 2
    if mode == "side by side":
        pictures = picture[:, :half], picture[:, half:]
    else:
        compare.comparison.flip()
        pictures = seen(window, qtbot), picture
    for index, each in enumerate(pictures):
        counts = [len(ink[0]) for ink in inks(each)]
        assert counts[index] > 50
        assert counts[1 - index] == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
@pytest.mark.parametrize(("look", "name"), [(CONTOURS, "clean line"), (FILLED, "clean fill")])
def test_a_flipped_volume_is_cut_from_all_sides(window, compare, qtbot, deep, order, look, name):
    """Also if the view is turned while the line is there."""
    show(window, body(deep))
    pick(qtbot, compare.look, look)
    click(qtbot, compare.modes["swipe"])
    window.dims.order = order
    window.dims.set_current_step(order[0], {0: 3, 1: 10, 2: 12}[order[0]])
    window.fit_to_view()
    for share in (0.5, 0.4, 0.6):
        compare.line.setValue(round(1000 * share))
        columns = np.nonzero(colours(seen(window, qtbot))[name])[1]
        mode, native = compare.comparison.mode, canvas(window)
        camera = window.scene.camera
        side = -1 if str(camera.orientation2d[1]) == "left" else 1
        away = side * (mode.world() - camera.center[-1]) * camera.zoom
        line = native.width() / 2 + away
        assert len(columns) > 20
        # The line itself hides one column of the volume.
        pixel = 3.0 * camera.zoom
        assert line - pixel - 4 < columns.max() <= line + 1
