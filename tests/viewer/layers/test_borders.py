"""The borders of labels: each edge between unlike pixels once, lines in one piece, any plane."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_segadv.data.scan import Grid
from napari_segadv.viewer.layers.borders import borders
from napari_segadv.viewer.layers.places import placement
from napari_segadv.viewer.layers.plane import plane_in_view

SHAPE = (4, 5, 6)


def edges(labels):
    """The middles of all edges between pixels of unlike labels; outside is background."""
    padded = np.pad(labels.astype(int), 1)
    found = set()
    for axis in range(2):
        for row, column in np.argwhere(np.diff(padded, axis=axis) != 0):
            found.add((row - 0.5, column - 1.0) if axis == 0 else (row - 1.0, column - 0.5))
    return found


def middles(lines):
    """The middles of the edges of pixels that lines run along."""
    found = []
    for start, end in lines:
        length = round(np.abs(end - start).sum())
        step = (end - start) / length
        found += [tuple(start + (n + 0.5) * step) for n in range(length)]
    return found


@pytest.mark.parametrize("seed", range(5))
def test_each_edge_is_drawn_once(seed):
    labels = np.random.default_rng(seed).integers(0, 4, (7, 9)).astype(np.uint8)
    found = middles(borders(labels))
    assert len(found) == len(set(found))
    assert set(found) == edges(labels)


def test_a_straight_edge_is_one_line():
    labels = np.zeros((20, 30), np.uint8)
    labels[5:15, 10:25] = 3
    assert len(borders(labels)) == 4


@pytest.mark.parametrize("value", [0, 7])
def test_nothing_and_everything(value):
    lines = borders(np.full((5, 6), value, np.uint16))
    assert lines.shape == ((4 if value else 0), 2, 2)


def volume(direction=None):
    viewer = ViewerModel()
    known = Grid(SHAPE, (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), direction)
    grid = Grid.pixels(SHAPE) if direction is None else known
    data = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    return viewer, viewer.add_image(data, **placement(grid))


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1)])
@pytest.mark.parametrize("direction", [None, np.eye(3), np.diag([-1.0, 1.0, -1.0])])
def test_the_plane_in_view(order, direction):
    viewer, image = volume(direction)
    viewer.dims.order = order
    for index in range(SHAPE[order[0]]):
        corner = [0, 0, 0]
        corner[order[0]] = index
        viewer.dims.set_point(order[0], image.data_to_world(corner)[order[0]])
        plane = plane_in_view(image, viewer.dims, SHAPE)
        cut = plane.cut(image.data)
        np.testing.assert_array_equal(cut, image._slice.image.raw)
        place = np.array([2.0, 1.0])
        world = plane.in_world(place)
        assert world[order[0]] == pytest.approx(viewer.dims.point[order[0]])
        assert image.get_value(tuple(world), world=True) == cut[2, 1]


def test_no_plane_in_3d_nor_beside_the_volume():
    viewer, image = volume(np.eye(3))
    viewer.add_image(np.zeros((40, 5, 6)), translate=(-200, 0, 0))
    viewer.dims.set_point(0, -180)
    assert plane_in_view(image, viewer.dims, SHAPE) is None
    viewer.dims.ndisplay = 3
    assert plane_in_view(image, viewer.dims, SHAPE) is None


def test_a_picture_has_a_plane_only_in_its_own_axes():
    viewer = ViewerModel()
    picture = viewer.add_image(np.arange(12.0).reshape(3, 4))
    assert plane_in_view(picture, viewer.dims, (3, 4)).key == (slice(None), slice(None))
    viewer.add_image(np.zeros((5, 6, 7)))
    assert plane_in_view(picture, viewer.dims, (3, 4)) is not None
    viewer.dims.order = (1, 0, 2)
    assert plane_in_view(picture, viewer.dims, (3, 4)) is None
