"""Orthogonal views that are closed leave nothing behind; windows close with them open."""

import gc
import weakref

import numpy as np
import pytest
from clicks import click, close_dock, drained, steady
from napari.qt import QtViewer
from three_planes import bench_of, native, opened, patient, settled, show

from napari_segadv.viewer.views.tools import ViewTools


def state(window, layers):
    """What is connected to a viewer and its layers, and how both look."""
    dims, camera = window.dims, window.scene.camera.events
    events = [dims.events.point, dims.events.order, dims.events.ndisplay, window.events.theme]
    events += [window.layers.events.inserted, window.layers.events.removed]
    events += [window.layers.events.reordered, window.layers.selection.events.active]
    events += [camera.center, camera.zoom, camera.orientation, window.cursor.events.position]
    for layer in layers:
        events += [layer.events[name] for name in layer.events]
    return [len(event.callbacks) for event in events], (
        list(window.mouse_drag_callbacks),
        list(window.mouse_wheel_callbacks),
        list(window.mouse_double_click_callbacks),
        tuple(dims.order),
        window.canvas.background_color_override,
        [getattr(layer, "interpolation2d", None) for layer in layers],
        [layer.contrast_limits for layer in layers if hasattr(layer, "contrast_limits")],
        window.window._qt_viewer.count(),
        window.window._qt_viewer.orientation(),
    )


@pytest.mark.parametrize("how", ["ordinary", "sagittal, head across"])
def test_closing_leaves_nothing_behind(window, qtbot, how):
    bench = bench_of(window, qtbot)
    image = show(window, patient(how))
    labels = window.add_labels(np.zeros(image.data.shape, np.uint8), affine=image.affine)
    vectors = window.add_vectors(np.ones((4, 2, 3)), affine=image.affine)
    steady(qtbot, window)
    # napari has fitted the image before its slider came.
    window.fit_to_view()
    layers = [image, labels, vectors]
    before, camera = state(window, layers), window.scene.camera
    view = [camera.zoom, *camera.center]
    gc.collect()
    canvases = len(QtViewer._instances)
    for _ in range(3):
        panes = opened(window, qtbot, bench).values()
        gone = [weakref.ref(x) for pane in panes for x in (pane, pane.model, pane.glass)]
        gone += [weakref.ref(pane.twin(layer)) for pane in panes for layer in layers]
        del panes
        assert sum(state(window, layers)[0]) > sum(before[0]) + 50
        click(qtbot, bench.bar.orthogonal)
        steady(qtbot, window)
        heard, look = state(window, layers)
        # napari itself may hear less of layers that are not active.
        assert all(now <= then for now, then in zip(heard, before[0], strict=True))
        assert look == before[1]
        gc.collect()
        assert [ref() for ref in gone] == [None] * len(gone)
        assert len(QtViewer._instances) == canvases
    assert [camera.zoom, *camera.center] == pytest.approx(view)


def test_what_the_user_changes_meanwhile_stays(window, qtbot):
    bench = bench_of(window, qtbot)
    image = show(window, patient())
    opened(window, qtbot, bench)
    image.interpolation2d, window.dims.order = "cubic", (2, 0, 1)
    bench.toggle_views()
    assert image.interpolation2d == "cubic"
    assert tuple(window.dims.order) == (2, 0, 1)


def test_the_twins_of_a_layer_that_has_gone_are_let_go(window, qtbot):
    bench = bench_of(window, qtbot)
    image = show(window, patient())
    labels = window.add_labels(np.zeros(image.data.shape, np.uint8), affine=image.affine)
    panes = opened(window, qtbot, bench).values()
    twins = [weakref.ref(pane.twin(labels)) for pane in panes]
    listeners = [len(labels.events[name].callbacks) for name in ("opacity", "paint", "set_data")]
    labels.name = "renamed"
    window.layers.remove(labels)
    for pane in panes:
        assert pane.twin(labels) is None
        qtbot.waitUntil(lambda pane=pane: len(pane.model.layers) == 1)
    drained(qtbot)
    gc.collect()
    assert [ref() for ref in twins] == [None, None]
    now = [len(labels.events[name].callbacks) for name in ("opacity", "paint", "set_data")]
    assert all(after < before for after, before in zip(now, listeners, strict=True))


def test_the_last_layer_that_goes_leaves_empty_views(window, qtbot):
    bench = bench_of(window, qtbot)
    show(window, patient())
    panes = opened(window, qtbot, bench).values()
    window.layers.clear()
    drained(qtbot)
    assert all("open an image first" in pane.glass.note for pane in panes)
    show(window, patient("feet last"))
    settled(window, qtbot, bench)
    assert [pane.glass.note for pane in panes] == ["", ""]
    assert {pane.plane.name for pane in panes} == {"coronal", "sagittal"}


def test_a_window_closes_with_the_views_open(window, qtbot):
    bench = bench_of(window, qtbot)
    show(window, patient())
    opened(window, qtbot, bench)
    window.close()
    drained(qtbot)
    assert not bench.views.shown


def test_the_views_show_the_volume_in_3d_beside_them(window, qtbot):
    bench = bench_of(window, qtbot)
    show(window, patient())
    panes = opened(window, qtbot, bench)
    window.dims.ndisplay = 3
    settled(window, qtbot, bench)
    assert bench.glass.cross is None
    assert bench.glass.letters == ("", "", "", "")
    assert panes["coronal"].glass.letters == ("H", "F", "R", "L")
    window.dims.ndisplay = 2
    settled(window, qtbot, bench)
    assert bench.glass.cross is not None
    assert native(window).isVisible()


def test_panels_are_closed_to_make_room_and_the_views_stay(window, qtbot):
    bench = bench_of(window, qtbot)
    show(window, patient())
    opened(window, qtbot, bench)
    (dock,) = [d for name, d in window.window._wrapped_dock_widgets.items() if "Runs" in name]
    close_dock(qtbot, dock.widget())
    drained(qtbot)
    assert bench.views.shown
    assert bench.bar.isVisible()
    click(qtbot, bench.bar.orthogonal)
    qtbot.waitUntil(lambda: ViewTools.of(window) is None)
    assert window.mouse_wheel_callbacks[0].__name__ == "dims_scroll"
