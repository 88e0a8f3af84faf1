"""The mouse in three planes: the crosshair, slices, the window, the large view, painting."""

import numpy as np
import pytest
from clicks import drag, drained, move
from controls import wheel
from qtpy.QtCore import QPoint, Qt
from three_planes import (
    LEFT,
    LETTERS,
    SHAPE,
    bench_of,
    beside,
    native,
    opened,
    patient,
    picture,
    pixel_of,
    seen_at,
    settled,
    show,
)

TARGET = (6, 20, 10)


@pytest.fixture
def bench(window, qtbot):
    return bench_of(window, qtbot)


def slices(bench, image):
    """Which slices are seen, in the order of the array's axes."""
    return tuple(int(n) for n in np.rint(image.world_to_data(bench.views.crosshair.point)))


def dragged(qtbot, widget, start, end, button=Qt.LeftButton):
    drag(qtbot, widget, start, end, button)
    qtbot.mouseRelease(widget, button, pos=end)


@pytest.mark.parametrize("how", ["ordinary", "feet last", "sagittal, head across"])
@pytest.mark.parametrize("looked", LETTERS)
def test_a_click_moves_the_crosshair_in_all_views(window, qtbot, bench, how, looked):
    image = show(window, patient(how))
    panes = opened(window, qtbot, bench)
    pane = panes.get(looked)
    glass = bench.glass if pane is None else pane.glass
    before = slices(bench, image)
    # Another voxel of the slice that is in view.
    there = list(TARGET[::-1] if how == "sagittal, head across" else TARGET)
    along = glass._model.dims.order[0]
    there[along] = before[along]
    qtbot.mouseClick(native(window, pane), Qt.LeftButton, pos=pixel_of(glass, image, there))
    drained(qtbot)
    assert slices(bench, image) == tuple(there)
    # Each view shows its slice through that voxel, and its lines go through it.
    for model, over in bench.views._canvases():
        looked_along = model.dims.order[0]
        point = image.data_to_world(there)
        assert model.dims.point[looked_along] == pytest.approx(point[looked_along])
        down, across = model.dims.displayed
        assert (over.cross.down, over.cross.across) == pytest.approx((point[down], point[across]))


def test_the_crosshair_is_taken_along_by_a_drag_and_a_drag_elsewhere_moves_the_image(
    window, qtbot, bench
):
    image = show(window, patient())
    pane = opened(window, qtbot, bench)["coronal"]
    middle = slices(bench, image)
    start = pixel_of(pane.glass, image, middle)
    end = pixel_of(pane.glass, image, (middle[0] + 5, middle[1], middle[2] - 7))
    dragged(qtbot, native(window, pane), start, end)
    drained(qtbot)
    now = slices(bench, image)
    assert now == (middle[0] + 5, middle[1], middle[2] - 7)
    centre = pane.model.scene.camera.center
    far = beside(end, 60, 60)
    dragged(qtbot, native(window, pane), far, beside(far, 30, 0))
    settled(window, qtbot, bench)
    assert slices(bench, image) == now
    assert not np.allclose(centre, pane.model.scene.camera.center)


def test_the_lines_are_seen_where_the_crosshair_is(window, qtbot, bench):
    image = show(window, patient())
    image.visible = False
    pane = opened(window, qtbot, bench)["sagittal"]
    bench.views.go_to(image.data_to_world(TARGET))
    settled(window, qtbot, bench)
    at = pixel_of(pane.glass, image, TARGET)
    shot = native(window, pane).grab().toImage()
    for place in (beside(at, 40), beside(at, -40), beside(at, 0, 30), beside(at, 0, -30)):
        near = [
            shot.pixelColor(beside(place, r, d)).value() for r in (-1, 0, 1) for d in (-1, 0, 1)
        ]
        assert max(near) > 150
    assert shot.pixelColor(at).value() < 50


def test_the_wheel_goes_through_the_slices_of_the_view_under_it(window, qtbot, bench):
    image = show(window, patient())
    panes = opened(window, qtbot, bench)
    z, y, x = slices(bench, image)
    middle = QPoint(60, 60)
    wheel(native(window), middle, -120)
    # Down is to the feet, to the back, to the left.
    assert slices(bench, image) == (z - 1, y, x)
    wheel(native(window, panes["coronal"]), middle, -120)
    wheel(native(window, panes["coronal"]), middle, -120)
    assert slices(bench, image) == (z - 1, y + 2, x)
    wheel(native(window, panes["sagittal"]), middle, -120)
    assert slices(bench, image) == (z - 1, y + 2, x + 1)
    wheel(native(window, panes["sagittal"]), middle, 120)
    assert slices(bench, image) == (z - 1, y + 2, x)
    zoom = panes["coronal"].model.scene.camera.zoom
    wheel(native(window, panes["coronal"]), middle, 120, Qt.ControlModifier)
    assert panes["coronal"].model.scene.camera.zoom > zoom
    assert slices(bench, image) == (z - 1, y + 2, x)


def test_the_wheel_stops_at_the_last_slice(window, qtbot, bench):
    image = show(window, patient())
    panes = opened(window, qtbot, bench)
    for _ in range(SHAPE[1] + 3):
        wheel(native(window, panes["coronal"]), QPoint(60, 60), -120)
    assert slices(bench, image)[1] == SHAPE[1] - 1
    wheel(native(window, panes["coronal"]), QPoint(60, 60), 120)
    assert slices(bench, image)[1] == SHAPE[1] - 2


def test_the_slider_moves_the_crosshair_too(window, qtbot, bench):
    image = show(window, patient())
    opened(window, qtbot, bench)
    _, y, x = slices(bench, image)
    window.dims.set_current_step(0, 3)
    assert slices(bench, image) == (3, y, x)


def test_a_right_drag_in_any_view_sets_one_window(window, qtbot, bench):
    image = show(window, patient())
    panes = opened(window, qtbot, bench)
    for pane in (None, *panes.values()):
        low, high = image.contrast_limits
        camera = (window if pane is None else pane.model).scene.camera
        zoom, start = camera.zoom, QPoint(70, 120)
        dragged(qtbot, native(window, pane), start, beside(start, 75, -30), Qt.RightButton)
        settled(window, qtbot, bench)
        now = image.contrast_limits
        assert now[1] - now[0] == pytest.approx((high - low) * 2**0.5, rel=1e-3)
        assert sum(now) / 2 == pytest.approx((low + high) / 2 + 0.1 * (high - low), rel=1e-3)
        assert camera.zoom == pytest.approx(zoom)
        for each in panes.values():
            assert tuple(each.twin(image).contrast_limits) == tuple(now)
        text = f"L {sum(now) / 2:.4g}  W {now[1] - now[0]:.4g} HU"
        assert bench.glass.window_text == panes["coronal"].glass.window_text == text


def test_a_double_click_makes_a_view_the_large_one(window, qtbot, bench):
    image = show(window, patient())
    panes = opened(window, qtbot, bench)
    bench.views.go_to(image.data_to_world(TARGET))
    qtbot.mouseDClick(native(window, panes["sagittal"]), Qt.LeftButton, pos=QPoint(80, 80))
    settled(window, qtbot, bench)
    assert bench.glass.place.startswith("sagittal")
    assert {pane.plane.name for pane in panes.values()} == {"axial", "coronal"}
    assert bench.glass.letters == LETTERS["sagittal"]
    # napari's own button for the next plane does the same.
    window.dims.roll()
    settled(window, qtbot, bench)
    shown = {pane.plane.name for pane in panes.values()} | {bench.glass.place.split(",")[0]}
    assert shown == LETTERS.keys()


def test_painting_in_any_view_is_one_array_and_one_undo(window, qtbot, bench):
    image = show(window, patient())
    data = np.zeros(image.data.shape, np.uint8)
    target = window.add_labels(data, name="1 / target", affine=image.affine, opacity=1.0)
    panes = opened(window, qtbot, bench)
    target.mode, target.selected_label, target.brush_size = "paint", 1, 4
    heard = []
    target.events.paint.connect(heard.append)
    before, y = slices(bench, image), slices(bench, image)[1]
    coronal = panes["coronal"]
    start, end = (pixel_of(coronal.glass, image, (z, y, 8)) for z in (8, 14))
    dragged(qtbot, native(window, coronal), start, end)
    settled(window, qtbot, bench)
    assert target.data is data
    assert data[8:15, y, 8].all()
    assert not data[:, y + 3].any()
    # Painting goes before everything else, and is said once.
    assert slices(bench, image) == before
    assert len(heard) == 1
    image.visible = False
    for pane in (None, panes["sagittal"]):
        bench.views.crosshair.go_to(image.data_to_world((11, y, 8)))
        settled(window, qtbot, bench)
        assert (picture(window, pane) > 100).sum() > 20
    window.window._qt_viewer.canvas.native.setFocus()
    qtbot.keyClick(native(window), Qt.Key_Z, Qt.ControlModifier)
    settled(window, qtbot, bench)
    assert not data.any()
    assert (picture(window, panes["sagittal"]) > 100).sum() == 0
    qtbot.keyClick(native(window), Qt.Key_Z, Qt.ControlModifier | Qt.ShiftModifier)
    assert data[8:15, y, 8].all()


def test_painting_in_the_large_view_is_seen_in_the_others_at_once(window, qtbot, bench):
    image = show(window, patient())
    data = np.zeros(image.data.shape, np.uint8)
    target = window.add_labels(data, name="target", affine=image.affine, opacity=1.0)
    image.visible = False
    panes = opened(window, qtbot, bench)
    target.mode, target.brush_size = "paint", 6
    z, y, x = slices(bench, image)
    start = pixel_of(bench.glass, image, (z, y, x))
    # Before the button is let go.
    drag(qtbot, native(window), start, beside(start, 30))
    settled(window, qtbot, bench)
    assert (picture(window, panes["coronal"]) > 100).sum() > 20
    qtbot.mouseRelease(native(window), Qt.LeftButton, pos=beside(start, 30))


def test_keys_stay_with_the_large_view(window, qtbot, bench):
    image = show(window, patient())
    panes = opened(window, qtbot, bench)
    bench.bar.orthogonal.setFocus()
    qtbot.mouseClick(native(window, panes["coronal"]), Qt.LeftButton, pos=QPoint(50, 50))
    assert native(window).window().focusWidget() is native(window)
    qtbot.keyClick(native(window), Qt.Key_O, Qt.ShiftModifier)
    assert not bench.views.shown
    assert image in window.layers


def test_the_pointer_is_read_in_each_view(window, qtbot, bench):
    image = show(window, patient())
    panes = opened(window, qtbot, bench)
    y, x = np.argwhere(image.data[12] == LEFT).mean(axis=0).astype(int)
    for pane in (None, panes["coronal"]):
        glass = bench.glass if pane is None else pane.glass
        move(qtbot, native(window, pane), pixel_of(glass, image, (12, 15, x)))
        qtbot.waitUntil(lambda glass=glass: glass.reading == f"HU {LEFT}")
    assert seen_at(picture(window), LEFT)[1] > 5
    assert y == 14
