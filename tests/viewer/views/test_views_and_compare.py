"""The ways to compare work with the orthogonal views open: all views show them."""

import numpy as np
import pytest
from clicks import click, drained, steady
from compare_window import show as show_run
from three_planes import opened, picture, settled

from napari_segadv.viewer.compare.comparison import MODES
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


def test_contours_are_drawn_in_all_views(window, compare, qtbot, deep):
    show_run(window, deep)
    bench = ViewTools.of(window)
    panes = opened(window, qtbot, bench).values()
    compare.toggle_contours()
    drained(qtbot)
    for pane in panes:
        widths = {layer.contour for layer in pane.model.layers if hasattr(layer, "contour")}
        assert widths == {2, 3}
        assert all(np.shares_memory(t.layer.data, t.original.data) for t in pane._twins.values())
