"""The ways to compare work with the orthogonal views open: all views show them."""

import numpy as np
import pytest
from clicks import click, drained, steady
from compare_window import show as show_run
from napari.layers import Vectors
from three_planes import opened, picture, settled

from napari_segadv.viewer.compare.comparison import MODES
from napari_segadv.viewer.compare.predictions import OF_AFTER
from napari_segadv.viewer.views.glass import EDGE
from napari_segadv.viewer.views.tools import ViewTools


@pytest.mark.parametrize("way", MODES)
def test_each_way_to_compare_shows_in_the_further_views_and_leaves_them(
    window, compare, qtbot, deep, way
):
    show_run(window, deep)
    steady(qtbot, window)
    bench = ViewTools.of(window)
    panes = opened(window, qtbot, bench).values()
    before = len(window.layers)
    click(qtbot, compare.modes[way])
    compare.timer.stop()
    settled(window, qtbot, bench)
    for pane in panes:
        seen = [layer.visible for layer in pane.model.layers]
        assert seen == [layer.visible for layer in window.layers]
        names = [pane._twins[layer].layer.opacity for layer in window.layers]
        assert names == [layer.opacity for layer in window.layers]
        assert picture(window, pane).max() > 30
    click(qtbot, compare.modes[way])
    drained(qtbot)
    assert len(window.layers) == before
    for pane in panes:
        qtbot.waitUntil(lambda pane=pane: len(pane.model.layers) == before)
        order = [pane._twins[layer].layer for layer in window.layers]
        assert list(pane.model.layers) == order


def test_contours_are_those_of_each_views_own_plane(window, compare, qtbot, deep):
    image, _ = show_run(window, deep)
    bench = ViewTools.of(window)
    panes = opened(window, qtbot, bench).values()
    # Where the structure is in all three planes.
    bench.views.go_to(image.data_to_world((3, 10, 14)))
    compare.toggle_contours()
    settled(window, qtbot, bench)
    lines = [layer for layer in window.layers if isinstance(layer, Vectors)]
    assert lines
    colour = np.array(OF_AFTER.colour) * 255
    for pane in panes:
        along = pane.model.dims.order[0]
        for layer in lines:
            twin = pane.twin(layer)
            assert len(twin.data)
            # All of them lie in the plane that is seen.
            through = twin.data[:, 0, along] * twin.scale[along]
            assert np.allclose(through, pane.model.dims.point[along])
        shot = pane.screenshot(flash=False)[..., :3].astype(int)
        assert (np.abs(shot - colour).max(axis=-1) < 40).sum() > 30
    # As wide as on the large view, and as wide once the other planes are zoomed.
    pane = next(iter(panes))
    before = pane.twin(lines[0]).edge_width
    pane.model.scene.camera.zoom *= 2
    assert pane.twin(lines[0]).edge_width == pytest.approx(before / 2)
    here = pane.twin(lines[0]).data
    bench.views.go_to(image.data_to_world((3, 11, 13)))
    assert not np.array_equal(pane.twin(lines[0]).data, here)
    compare.toggle_contours()
    for pane in panes:
        qtbot.waitUntil(lambda pane=pane: len(pane.model.layers) == len(window.layers))


@pytest.mark.parametrize("way", ["swipe", "side by side"])
def test_level_and_width_give_way_to_a_caption_in_their_corner(window, compare, qtbot, deep, way):
    show_run(window, deep)
    steady(qtbot, window)
    glass = ViewTools.of(window).glass
    assert glass.window_top == EDGE
    click(qtbot, compare.modes[way])
    drained(qtbot)
    assert glass.window_top > 2 * EDGE
    click(qtbot, compare.modes[way])
    drained(qtbot)
    assert glass.window_top == EDGE
