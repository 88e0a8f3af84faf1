"""A view in 3-D, before the pointer has moved over it."""

import numpy as np
import pytest

from napari_segadv.viewer.controller.controller import Controller

FILM = np.arange(8 * 9, dtype=np.uint8).reshape(8, 9)
VOLUME = np.arange(4 * 8 * 9, dtype=np.uint8).reshape(4, 8, 9)
SERIES = np.arange(2 * 4 * 8 * 9, dtype=np.uint8).reshape(2, 4, 8, 9)


def turn(window):
    window.dims.ndisplay = 3


def open_a_volume(window):
    window.add_image(VOLUME)


def open_a_series(window):
    window.add_image(SERIES)


def close_the_series(window):
    for layer in [x for x in window.layers if x.ndim == 4]:
        window.layers.remove(layer)


def turn_the_axes(window):
    window.dims.order = (*window.dims.order[1:], window.dims.order[0])


@pytest.mark.parametrize(
    "actions",
    [
        (open_a_volume, turn),
        (turn, open_a_volume),
        (open_a_volume, turn, open_a_series),
        (open_a_volume, open_a_series, turn, close_the_series),
        (open_a_series, turn, turn_the_axes),
    ],
    ids=lambda actions: "-".join(action.__name__ for action in actions),
)
def test_a_layer_becomes_active_before_the_pointer_has_moved(window, qtbot, actions):
    Controller.of(window)
    window.add_image(FILM)
    window.mouse_over_canvas = True
    # As a move over the view in 2-D leaves it.
    window.cursor._view_direction = np.asarray(None)
    # Of classes with names, napari looks which one is under the pointer.
    names = {"index": [0, 1], "class": ["background", "liver"]}
    with qtbot.capture_exceptions() as raised:
        for action in actions:
            action(window)
        window.add_labels(np.ones((4, 8, 9), np.uint8), features=names)
        for layer in window.layers:
            window.layers.selection.active = layer
    assert not raised
    dims, camera = window.dims, window.scene.camera
    expected = camera.calculate_nd_view_direction(dims.ndim, dims.displayed)
    np.testing.assert_array_equal(window.cursor._view_direction, expected)
