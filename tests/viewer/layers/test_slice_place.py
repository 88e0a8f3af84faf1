"""Where slices lie on a viewer's sliders, without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_segadv.data.scan import Grid
from napari_segadv.viewer.layers.places import placement
from napari_segadv.viewer.layers.slice_place import place_of

SHAPE = (6, 7, 8)
DIRECTIONS = {
    "straight": np.eye(3),
    "flipped": np.diag([-1.0, 1.0, -1.0]),
    "turned": np.array([[0, -1.0, 0], [0, 0, 1.0], [1.0, 0, 0]]),
}


def volume(direction=None):
    viewer = ViewerModel()
    known = Grid(SHAPE, (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), direction)
    grid = Grid.pixels(SHAPE) if direction is None else known
    data = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    return viewer, viewer.add_image(data, **placement(grid))


@pytest.mark.parametrize("name", [None, "straight", "flipped", "turned"])
def test_each_slice_is_shown_and_found_again(name):
    viewer, layer = volume(DIRECTIONS.get(name))
    place = place_of([layer], viewer, SHAPE)
    for number in range(6):
        place.show(viewer.dims, number)
        assert place.number(viewer.dims) == number
        np.testing.assert_array_equal(layer._slice.image.raw, layer.data[number])


def test_the_axis_that_runs_through_the_slices():
    viewer, layer = volume(DIRECTIONS["turned"])
    place = place_of([layer], viewer, SHAPE)
    # It is shown as it is stored, whichever way it lies in the patient.
    assert (place.axis, place.step) == (0, 3.0)
    viewer.add_image(np.zeros((2, 3, 4, 5)))
    assert place_of([layer], viewer, SHAPE).axis == 1


def test_any_order_comes_back_to_slices():
    viewer, layer = volume(DIRECTIONS["straight"])
    place = place_of([layer], viewer, SHAPE)
    for order in ((1, 0, 2), (2, 0, 1), (2, 1, 0), (0, 2, 1)):
        viewer.dims.order = order
        place.show(viewer.dims, 4)
        assert viewer.dims.order[0] == 0
    assert viewer.dims.order == (0, 2, 1)


def test_layers_that_are_gone_or_do_not_fit_are_passed_over():
    viewer, layer = volume()
    flat = viewer.add_image(np.zeros((7, 8)))
    other = viewer.add_image(np.zeros((5, 7, 8)))
    assert place_of([None, flat, other, layer], viewer, SHAPE) is not None
    viewer.layers.remove(layer)
    assert place_of([None, flat, other, layer], viewer, SHAPE) is None
