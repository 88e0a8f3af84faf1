"""Clicks are seen in every plane, each in its structure's colour and form."""

import numpy as np
from clicks import drained
from three_planes import bench_of, opened, patient, show

from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.clicks import choose
from napari_segadv.viewer.layers.names import CLICKS
from napari_segadv.viewer.views.twins import OF_POINTS


def same(panes, layer):
    """Whether the layer of each plane shows what the viewer's own does."""
    for pane in panes.values():
        (twin,) = [each for each in pane.model.layers if each.name == layer.name]
        np.testing.assert_array_equal(twin.data, layer.data)
        for name in OF_POINTS:
            np.testing.assert_array_equal(getattr(twin, name), getattr(layer, name))


def test_clicks_look_the_same_in_every_plane(window, qtbot):
    bench = bench_of(window, qtbot)
    image = show(window, patient())
    panes = opened(window, qtbot, bench)
    clicks = Controller.of(window).clicks
    layer = clicks.show(image, {"liver": [[3, 4, 5]], "background": []})
    drained(qtbot)
    same(panes, layer)
    layer.add([6, 7, 8])
    choose(layer, "background")
    layer.add([9, 9, 9])
    assert clicks.on(image) == {"liver": [[3, 4, 5], [6, 7, 8]], "background": [[9, 9, 9]]}
    assert [symbol.value for symbol in layer.symbol] == ["disc", "disc", "cross"]
    drained(qtbot)
    same(panes, layer)
    layer.remove([0])
    drained(qtbot)
    same(panes, layer)
    layer.data = [[6, 10, 10], [9, 9, 9]]
    layer.features.loc[0, "structure"] = "background"
    layer.events.features()
    drained(qtbot)
    assert clicks.on(image) == {"background": [[6, 10, 10], [9, 9, 9]]}
    same(panes, layer)
    layer.remove([0, 1])
    drained(qtbot)
    same(panes, layer)
    window.layers.remove(layer)
    drained(qtbot)
    assert Controller.of(window).shown(CLICKS) is None
