"""A view that is turned to 3-D, before the pointer has moved over it."""

import numpy as np

from napari_segadv.viewer.controller.controller import Controller


def test_a_layer_becomes_active_before_the_pointer_has_moved(window, qtbot):
    Controller.of(window)
    image = window.add_image(np.arange(4 * 8 * 9, dtype=np.uint8).reshape(4, 8, 9))
    # Of classes with names, napari looks which one is under the pointer.
    names = {"index": [0, 1], "class": ["background", "liver"]}
    labels = window.add_labels(np.ones((4, 8, 9), np.uint8), features=names)
    window.mouse_over_canvas = True
    # As a move over the view in 2-D leaves it.
    window.cursor._view_direction = np.asarray(None)
    with qtbot.capture_exceptions() as raised:
        window.dims.ndisplay = 3
        for layer in (image, labels):
            window.layers.selection.active = layer
    assert not raised
