"""The reading test's keys and mouse: windows, the number pad, a key held down, slices by wheel."""

import pytest
from clicks import click, drag
from controls import wheel
from helpers import volume_victim
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QApplication
from readers import attacked, begin, shown, slice_shown

from napari_segadv.data.window_presets import numbered, presets_for
from napari_segadv.measures.reading_test import PAIR
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.reading_test.covers import Cover

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def panel(window, ct):
    """The panel with a run over a small CT."""
    example = attacked(ct, volume_victim(2))
    data, keywords, _ = image_tuple(ct)
    Controller.of(window).runs.add(example, window.add_image(data, **keywords))
    return window.window.add_plugin_dock_widget("napari-segadv", "Reading test")[1]


def limits_of(test):
    """The window of every image, which is one."""
    (limits,) = {tuple(image.contrast_limits) for image in test.canvas.images}
    return limits


def test_windows_by_the_row_of_numbers_by_the_pad_and_by_dragging(panel, qtbot, ct):
    panel.mode.value = PAIR
    test = begin(qtbot, panel)
    presets = dict(numbered(presets_for("HU", ct.bounds)))
    assert list(presets) == [1, 2, 3, 4, 5, 6, 7]
    known = {3: (-500, 1300), 4: (0, 80), 5: (-20, 140), 6: (-125, 225)}
    for pad in (Qt.NoModifier, Qt.KeypadModifier):
        for number in (3, 4, 5, 6, 7, 1, 2):
            qtbot.keyClick(test, Qt.Key(Qt.Key_0 + number), pad)
            assert limits_of(test) == presets[number].limits
            assert limits_of(test) == known.get(number, limits_of(test))
            assert f"{number} {presets[number].name}" in test.help.text()
        for key in (Qt.Key_8, Qt.Key_0):
            qtbot.keyClick(test, key, pad)
        assert limits_of(test) == presets[2].limits
    check_drags(test, qtbot)
    assert test.reading.answers == []
    click(qtbot, test.stop)


def check_drags(test, qtbot):
    """The right button drags level and width, which begin as those of soft tissue."""
    canvas = test.canvas.canvas.native
    at = QPoint(canvas.width() // 4, canvas.height() // 2)
    place = test.canvas.canvas._get_viewbox_at
    qtbot.waitUntil(lambda: place((at.x(), at.y()))[0] is not None)
    centre = test.canvas.model.scene.camera.center

    def drag_by(by):
        drag(qtbot, canvas, at, at + by, Qt.RightButton)
        qtbot.mouseRelease(canvas, Qt.RightButton, pos=at + by)

    # 300 pixels are as much as the window is wide; up is brighter intensities.
    drag_by(QPoint(0, -75))
    assert limits_of(test) == (-60, 340)
    drag_by(QPoint(0, 150))
    assert limits_of(test) == (-260, 140)
    drag_by(QPoint(150, 75))
    assert limits_of(test) == (-560, 240)
    assert test.canvas.model.scene.camera.center == centre


def test_a_key_that_is_held_down_answers_once(panel, qtbot):
    test = begin(qtbot, panel)

    def repeat(key):
        for kind in (QEvent.KeyRelease, QEvent.KeyPress):
            event = QKeyEvent(kind, key, Qt.NoModifier, "", True)
            QApplication.sendEvent(test, event)

    qtbot.keyPress(test, Qt.Key_J)
    assert len(test.reading.answers) == 1
    shown(qtbot, test)
    for _ in range(5):
        repeat(Qt.Key_J)
    assert len(test.reading.answers) == 1
    qtbot.keyRelease(test, Qt.Key_J)
    # Through slices a key held down goes on.
    start = slice_shown(test)
    qtbot.keyPress(test, Qt.Key_Up)
    for _ in range(3):
        repeat(Qt.Key_Up)
    assert slice_shown(test) == start + 4
    qtbot.keyClick(test, Qt.Key_F)
    qtbot.waitUntil(lambda: panel.test is None)
    assert len(panel.reading.answers) == 2


def test_the_wheel_goes_through_slices_with_control_alone(panel, qtbot):
    test = begin(qtbot, panel)
    canvas, camera = test.canvas.canvas.native, test.canvas.model.scene.camera
    at = QPoint(canvas.width() // 2, canvas.height() // 2)
    drawn = []
    test.canvas.canvas._scene_canvas.events.draw.connect(drawn.append)
    qtbot.waitUntil(lambda: bool(drawn))
    start, zoom = slice_shown(test), camera.zoom
    for turns in (120, 120, 120, -120):
        wheel(canvas, at, turns, Qt.ControlModifier)
    assert abs(slice_shown(test) - start) == 2
    assert camera.zoom == zoom
    assert not test.isHidden()
    moved = slice_shown(test)
    wheel(canvas, at, 120)
    assert slice_shown(test) == moved
    qtbot.waitUntil(lambda: camera.zoom > zoom)
    click(qtbot, test.stop)


def test_the_cover_fits_a_window_that_changes_its_size(window, panel, qtbot):
    test = begin(qtbot, panel)
    main = window.window._qt_window
    (cover,) = main.findChildren(Cover)
    for size in ((1000, 700), (1400, 850)):
        main.resize(*size)
        qtbot.waitUntil(lambda size=size: (main.width(), main.height()) == size)
        qtbot.waitUntil(lambda: cover.geometry() == main.rect())
        picture = main.grab().toImage()
        corners = [
            picture.pixelColor(x, y).name()
            for x in (3, main.width() - 4)
            for y in (3, main.height() - 4)
        ]
        assert len(set(corners)) == 1
    click(qtbot, test.stop)
    qtbot.waitUntil(lambda: not main.findChildren(Cover))
