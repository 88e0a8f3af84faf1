"""Structures are brought into view: the slice in which they are largest, and the camera on them."""

import numpy as np
import pytest
from napari.components import ViewerModel
from turned import SAGITTAL, TURN

from napari_segadv.data.scan import Grid
from napari_segadv.measures.sizes import structures
from napari_segadv.viewer.layers.go_to import go_to, shows_any
from napari_segadv.viewer.layers.places import placement
from napari_segadv.viewer.layers.slice_place import SlicePlace

SHAPE = (12, 16, 20)
DIRECTIONS = {
    "straight": np.eye(3),
    "flipped": np.diag([-1.0, -1.0, 1.0]),
    "sagittal": SAGITTAL,
    "oblique": TURN,
}


def body():
    """Class 1 is largest on slice 7, row 4 and column 9; class 2 lies elsewhere."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:10, 3:7, 7:13] = 1
    labels[7, 2:9, 5:15] = 1
    labels[5:10, 4, 6:14] = 1
    labels[4:11, 3:7, 9] = 1
    labels[1:3, 12:14, 1:4] = 2
    return labels


LARGEST = (7, 4, 9)


def shown(name, labels=None):
    labels = body() if labels is None else labels
    viewer = ViewerModel()
    grid = Grid(labels.shape, (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), DIRECTIONS[name])
    viewer.add_image(np.zeros(labels.shape, np.float32), **placement(grid))
    layer = viewer.add_labels(labels, **placement(grid))
    viewer.dims.set_point(0, 0)
    return viewer, layer


def in_view(viewer, layer, along):
    place = SlicePlace.of(layer, viewer.dims, along)
    assert place.seen(viewer.dims)
    return place.number(viewer.dims)


def middle(layer, label):
    """The middle of a structure on the slice in view, as displayed."""
    places = np.argwhere(layer._slice.image.raw == label)
    return (places.min(0) + places.max(0)) / 2


@pytest.mark.parametrize("name", DIRECTIONS)
@pytest.mark.parametrize("along", [0, 1, 2])
def test_the_largest_slice_in_the_plane_that_is_in_view(name, along):
    viewer, layer = shown(name)
    viewer.dims.order = (along, *(axis for axis in range(3) if axis != along))
    assert go_to(viewer, layer, 1)
    assert in_view(viewer, layer, along) == LARGEST[along]
    # What is seen is that slice, and the camera is on the structure there.
    expected = np.take(layer.data, LARGEST[along], along)
    np.testing.assert_array_equal(layer._slice.image.raw, expected)
    place = np.insert(middle(layer, 1), along, LARGEST[along])
    world = np.asarray(layer.data_to_world(place))[list(viewer.dims.displayed)]
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], world, atol=1e-6)


@pytest.mark.parametrize("name", DIRECTIONS)
def test_the_sliders_of_the_other_axes_go_there_too(name):
    viewer, layer = shown(name)
    go_to(viewer, layer, 1)
    # The slice that comes after the view is turned has the structure as well.
    for along in (1, 2):
        viewer.dims.order = (along, *(axis for axis in range(3) if axis != along))
        assert (layer._slice.image.raw == 1).any()


@pytest.mark.parametrize("name", DIRECTIONS)
def test_a_slice_that_shows_it_stays_if_asked(name):
    viewer, layer = shown(name)
    place = SlicePlace.of(layer, viewer.dims)
    for number, after in ((5, 5), (9, 9), (3, 7), (11, 7)):
        place.show(viewer.dims, number)
        assert go_to(viewer, layer, 1, only_if_hidden=True)
        assert in_view(viewer, layer, 0) == after
    go_to(viewer, layer, 2)
    assert in_view(viewer, layer, 0) == 2


def test_what_is_not_there():
    viewer, layer = shown("straight")
    before = viewer.dims.point, viewer.scene.camera.center, viewer.scene.camera.zoom
    assert not go_to(viewer, layer, 9)
    assert (viewer.dims.point, viewer.scene.camera.center, viewer.scene.camera.zoom) == before


@pytest.mark.parametrize("dims", [2, 3])
def test_what_was_painted_over_since_it_was_measured(dims):
    viewer, layer = shown("straight")
    found = structures(body())[2]
    layer.data = np.where(body() == 2, 0, body())
    viewer.dims.ndisplay = dims
    point, centre = viewer.dims.point, viewer.scene.camera.center
    assert not go_to(viewer, layer, 2, found)
    assert (viewer.dims.point, viewer.scene.camera.center) == (point, centre)


def test_a_part_of_a_structure():
    labels = body()
    labels[0:3, 12:15, 12:18] = 1
    viewer, layer = shown("flipped", labels)
    part = structures(body(), only=1)[1]
    part = type(part)(1, 54, (slice(0, 3), slice(12, 15), slice(12, 18)))
    go_to(viewer, layer, 1, part)
    assert in_view(viewer, layer, 0) == 1
    np.testing.assert_allclose(
        viewer.scene.camera.center[-2:], np.asarray(layer.data_to_world((1, 13, 14.5)))[1:]
    )


def flat(zoom=1.0):
    labels = np.zeros((200, 300), np.uint8)
    labels[20:40, 200:240] = 1
    viewer = ViewerModel()
    layer = viewer.add_labels(labels)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (100.0, 150.0), zoom
    return viewer, layer


def test_an_image_is_moved_only_if_the_structure_is_out_of_view():
    viewer, layer = flat()
    camera = viewer.scene.camera
    go_to(viewer, layer, 1, only_if_hidden=True)
    assert camera.center[-2:] == (100.0, 150.0)
    # Near, it is beyond the edge.
    camera.zoom = 10.0
    go_to(viewer, layer, 1, only_if_hidden=True)
    assert camera.center[-2:] == (29.5, 219.5)
    assert camera.zoom == 10.0
    # A corner of it in view is enough.
    camera.center = (60.0, 219.5)
    go_to(viewer, layer, 1, only_if_hidden=True)
    assert camera.center[-2:] == (60.0, 219.5)
    # Asked for, it comes to the middle.
    go_to(viewer, layer, 1)
    assert camera.center[-2:] == (29.5, 219.5)


def test_the_view_is_widened_only_if_it_has_to_be():
    viewer, layer = flat(zoom=50.0)
    go_to(viewer, layer, 1)
    camera, canvas = viewer.scene.camera, viewer.canvas.size
    assert camera.zoom == pytest.approx(min(0.8 * canvas[0] / 20, 0.8 * canvas[1] / 40))
    before = camera.zoom
    go_to(viewer, layer, 1)
    assert camera.zoom == before


def test_in_3_d_the_camera_turns_about_it():
    viewer, layer = shown("flipped")
    viewer.dims.ndisplay = 3
    go_to(viewer, layer, 2)
    assert viewer.dims.ndisplay == 3
    np.testing.assert_allclose(viewer.scene.camera.center, layer.data_to_world((1.5, 12.5, 2)))


def test_whether_a_slice_shows_anything():
    viewer, layer = shown("flipped")
    place = SlicePlace.of(layer, viewer.dims)
    for number in range(12):
        place.show(viewer.dims, number)
        assert shows_any(viewer, layer) == bool(layer.data[number].any())
    viewer.dims.ndisplay = 3
    assert shows_any(viewer, layer)


def test_a_volume_beside_a_series_of_volumes():
    """The viewer has one axis more than the labels."""
    viewer, layer = shown("straight")
    viewer.add_image(np.zeros((3, *SHAPE), np.float32))
    go_to(viewer, layer, 1)
    np.testing.assert_array_equal(layer._slice.image.raw, layer.data[7])
