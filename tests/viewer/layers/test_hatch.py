"""The hatch over what a target erases, computed for the plane that is shown."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from turned import SAGITTAL

from napari_segadv.common.palette import colour
from napari_segadv.data.scan import Grid
from napari_segadv.viewer.layers.convert import class_keywords
from napari_segadv.viewer.layers.hatch import DARK, Hatched, hatch_tuple
from napari_segadv.viewer.layers.hidden_classes import hide_classes
from napari_segadv.viewer.layers.places import placement

CLASSES = ("background", "one", "two", "three")
SHAPE = (12, 40, 60)


def layers(grid=None):
    """A prediction of two bodies, and a target that erases one and turns a part of the other."""
    clean = np.zeros(SHAPE, np.uint8)
    clean[3:9, 5:30, 4:30] = 1
    clean[2:10, 10:35, 34:56] = 2
    target = clean.copy()
    target[clean == 1] = 0
    target[4:7, 10:20, 34:45] = 3
    where = {} if grid is None else placement(grid)
    found = [Labels(labels, **class_keywords(CLASSES), **where) for labels in (target, clean)]
    return *found, target != clean


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_stripes_where_something_is_lost_and_nothing_elsewhere(axis):
    target, clean, lost = layers()
    hatch, place = Hatched(target, clean), {0: 5, 1: 15, 2: 40}[axis]
    key = tuple(place if n == axis else slice(None) for n in range(3))
    plane, there, labels = hatch[key], lost[key], clean.data[key]
    assert plane.shape == (*there.shape, 4)
    assert not plane[~there].any()
    drawn = plane[..., 3] > 0
    # A hatch is told from a filled structure, and what lies below is still seen.
    assert 0.2 < drawn[there].mean() < 0.5
    for label in np.unique(labels[there]):
        colours = np.unique(plane[drawn & (labels == label)][:, :3], axis=0)
        expected = 255 * np.array([[DARK] * 3, colour(label)])
        np.testing.assert_allclose(colours, expected, atol=1)
    # Lines are slanted: each row and each column of the plane has some of them, none is full.
    for way in (0, 1):
        lines = drawn.sum(axis=way)[there.sum(axis=way) > 12]
        assert lines.size == 0 or (lines > 0).all()


def test_it_follows_the_labels_as_they_are():
    target, clean, _ = layers()
    hatch = Hatched(target, clean)
    assert hatch[5].any()
    target.data[5] = clean.data[5]
    assert not hatch[5].any()
    clean.data[5] = 0
    target.data[5, 2:20, 2:20] = 3
    # What is only added is not erased.
    assert not hatch[5].any()


def test_a_class_that_is_hidden_is_not_hatched():
    target, clean, lost = layers()
    hide_classes(clean, {1}, (1, 2, 3))
    plane = Hatched(target, clean)[5]
    assert not plane[clean.data[5] == 1].any()
    assert plane[lost[5] & (clean.data[5] == 2)].any()


def test_of_a_whole_volume_nothing_is_computed():
    target, clean, _ = layers()
    whole = np.asarray(Hatched(target, clean))
    assert whole.shape == (*SHAPE, 4)
    assert not whole.any()
    assert whole.base is not None or whole.strides[0] == 0


def test_indices_as_numpy_has_them():
    target, clean, _ = layers()
    hatch = Hatched(target, clean)
    plane = hatch[5]
    for key in ((5,), (5, Ellipsis), (5, slice(None), slice(None), slice(None))):
        np.testing.assert_array_equal(hatch[key], plane)
    np.testing.assert_array_equal(hatch[5:6], plane[None])
    np.testing.assert_array_equal(hatch[5, 3:20, ::2], plane[3:20, ::2])
    np.testing.assert_array_equal(hatch[5, ..., 3], plane[..., 3])
    assert (len(hatch), hatch.ndim, hatch.shape) == (12, 4, (*SHAPE, 4))


@pytest.mark.parametrize("direction", [np.diag([-1.0, -1.0, 1.0]), SAGITTAL])
def test_napari_draws_it_in_every_plane(direction):
    grid = Grid(SHAPE, (3.0, 1.0, 1.0), (-10.0, 5.0, 7.0), direction)
    target, clean, lost = layers(grid)
    viewer = ViewerModel()
    viewer.add_layer(clean)
    data, keywords, kind = hatch_tuple(target, clean)
    assert kind == "image"
    layer = viewer.add_image(data, **keywords, **placement(grid))
    assert layer.rgb
    for order in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
        viewer.dims.order = order
        for step in range(viewer.dims.nsteps[order[0]]):
            viewer.dims.set_current_step(order[0], step)
            shown, seen = layer._slice.image.view, np.asarray(clean._slice.image.raw)
            assert not shown[seen == 0].any()
    viewer.dims.order = (0, 1, 2)
    viewer.dims.set_point(0, clean.data_to_world((5, 0, 0))[0])
    assert layer._slice.image.view[lost[5]].any()


def test_layers_that_no_longer_fit_have_none():
    target, clean, _ = layers()
    hatch = Hatched(target, clean)
    target.data = np.zeros((12, 40, 20), np.uint8)
    assert not hatch[5].any()
