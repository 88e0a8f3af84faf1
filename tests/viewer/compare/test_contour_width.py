"""Contours are as wide on the screen as they are said to be, whatever the zoom and the pixels."""

import numpy as np
import pytest
from clicks import click
from compare_window import on_canvas, press, show
from pictured import AFTER_BLOCK, CLEAN_BLOCK, TARGET_BLOCK, body, boxed, colours, film, seen
from qtpy.QtCore import Qt

from napari_segadv.viewer.compare.box_edges import WIDTH
from napari_segadv.viewer.compare.contours import ROLES
from napari_segadv.viewer.layers.names import AFTER, CLEAN

BLOCKS = dict(zip(ROLES, (CLEAN_BLOCK, AFTER_BLOCK, TARGET_BLOCK), strict=True))
COLOURS = dict(zip(ROLES, ("clean line", "adversarial line", "target line"), strict=True))


def runs(line):
    """The lengths of the runs of True in a line of pixels."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(int), [0]])))
    return (edges[1::2] - edges[::2]).tolist()


@pytest.mark.parametrize("zoom", [0.25, 1.0, 8.0])
def test_as_wide_in_pixels_of_the_screen_at_any_zoom(window, compare, qtbot, flat, zoom):
    show(window, film(flat))
    press(qtbot, window, Qt.Key_C, Qt.ShiftModifier)
    for role, (rows, columns) in BLOCKS.items():
        # The upper left corner of a block, with some of both its edges.
        corner = np.array([rows.start - 0.5, columns.start - 0.5])
        window.scene.camera.zoom = zoom
        window.scene.camera.center = (0, *corner)
        there = colours(seen(window, qtbot))[COLOURS[role]]
        x, y = (round(n) for n in on_canvas(window, corner))
        # Along the edges, away from the corner and from what lies on the other side.
        far = max(6, min(30, round(15 * zoom)))
        for line in (there[y + far, x - 4 : x + 5], there[y - 4 : y + 5, x + far]):
            assert runs(line) == [role.width]
        # The corner itself is filled, also its outermost pixel.
        rows, columns = np.nonzero(there[y - 4 : y + 5, x - 4 : x + 5])
        assert there[y - 4 + rows.min(), x - 4 + columns.min()]


def test_both_ways_alike_where_pixels_are_not_square(window, compare, qtbot, deep):
    """From the side, the slices of the volume are 3 mm apart, its columns 1.25 mm."""
    image, _ = show(window, body(deep))
    press(qtbot, window, Qt.Key_C, Qt.ShiftModifier)
    window.dims.order = (1, 0, 2)
    window.dims.set_current_step(1, 10)
    middle = np.array(image.data_to_world((3, 10, 11.5)))[[0, 2]]
    window.scene.camera.center = (0, *middle)
    for zoom in (5.0, 20.0):
        window.scene.camera.zoom = zoom
        there = colours(seen(window, qtbot))["clean line"]
        x, y = (round(n) for n in on_canvas(window, middle))
        for line, length in ((there[y], 12 * 1.25), (there[:, x], 3 * 3.0)):
            assert runs(line) == [ROLES[0].width] * 2
            edges = np.flatnonzero(line)
            assert edges[-1] - edges[0] == pytest.approx(length * zoom + 2, abs=2)


def test_side_by_side_and_alone_they_are_of_one_width(window, compare, qtbot, flat):
    show(window, film(flat))
    press(qtbot, window, Qt.Key_C, Qt.ShiftModifier)
    press(qtbot, window, Qt.Key_S, Qt.ShiftModifier)
    picture = seen(window, qtbot)
    for role in ROLES:
        there = colours(picture)[COLOURS[role]]
        rows = np.flatnonzero(there.any(axis=1))
        middle = (rows[0] + rows[-1]) // 2
        assert runs(there[middle]) == [role.apart] * 2


def test_a_change_of_the_zoom_or_the_slice_leaves_the_place_in_view(window, compare, qtbot, deep):
    show(window, deep)
    window.dims.set_current_step(0, 3)
    window.dims.set_current_step(1, 7)
    before, ranges = window.dims.point, window.dims.range
    press(qtbot, window, Qt.Key_C, Qt.ShiftModifier)
    assert window.dims.range == ranges
    for order in ((1, 0, 2), (2, 0, 1), (0, 1, 2)):
        window.dims.order = order
        window.scene.camera.zoom *= 1.7
        assert window.dims.point == before
        assert window.dims.range == ranges
    press(qtbot, window, Qt.Key_C, Qt.ShiftModifier)
    assert window.dims.point == before
    assert window.dims.range == ranges


@pytest.mark.parametrize("zoom", [0.25, 1.0, 8.0])
def test_boxes_too_and_they_get_their_own_edges_back(window, compare, qtbot, flat, zoom):
    show(window, boxed(flat))
    layers = [compare.controller.shown(name) for name in (CLEAN, AFTER)]
    before = [list(layer.edge_width) for layer in layers]
    click(qtbot, compare.modes["blink"])
    compare.timer.stop()
    compare.comparison.flip()
    rows, columns = CLEAN_BLOCK
    corner = np.array([rows.stop - 0.5, columns.start - 0.5])
    window.scene.camera.zoom = zoom
    window.scene.camera.center = (0, *corner)
    red, green, blue = np.moveaxis(seen(window, qtbot), -1, 0)
    there = (red > 170) & (green < 110) & (blue < 110)
    x, y = (round(n) for n in on_canvas(window, corner))
    far = max(6, min(30, round(15 * zoom)))
    for line in (there[y - far, x - 4 : x + 5], there[y - 4 : y + 5, x + far]):
        assert runs(line) == [WIDTH]
    click(qtbot, compare.modes["blink"])
    assert [list(layer.edge_width) for layer in layers] == before
