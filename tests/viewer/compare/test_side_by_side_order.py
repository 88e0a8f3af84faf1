"""Side by side with layers in any order: each tile has its image, and the order comes back."""

from itertools import permutations

import numpy as np
from compared import shown

from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, CLEAN


def arrange(viewer, order):
    for place, layer in enumerate(order):
        viewer.layers.move(viewer.layers.index(layer), place)
    assert list(viewer.layers) == list(order)


def test_every_order_of_the_layers(flat):
    viewer, controller, comparison = shown(flat)
    viewer.add_labels(np.zeros((48, 64), int), name="mine")
    image, adversarial = viewer.layers["image"], controller.shown(ADVERSARIAL)
    clean, after = controller.shown(CLEAN), controller.shown(AFTER)
    clean.visible = after.visible = True
    reordered = []
    for order in permutations(viewer.layers):
        arrange(viewer, order)
        viewer.layers.selection = {clean}
        reordered.clear()
        handle = viewer.layers.events.reordered.connect(reordered.append)
        comparison.compare("side by side")
        viewer.layers.events.reordered.disconnect(handle)
        each = viewer.canvas.grid.stride
        left, right = set(viewer.layers[:each]), set(viewer.layers[each : 2 * each])
        assert {image, clean} <= left
        assert {adversarial, after} <= right
        assert len(reordered) <= 1
        comparison.compare("side by side")
        assert list(viewer.layers) == list(order)
        assert viewer.layers.selection == {clean}
