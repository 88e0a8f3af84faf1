"""Waiting and clicking in a real window."""

from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QDockWidget

from napari_segadv.viewer.layers.names import PREVIEW


def idle(qtbot, controller, timeout=60_000):
    """Waits until nothing is running, and no preview is left."""
    qtbot.waitUntil(lambda: not controller.jobs.busy, timeout=timeout)
    qtbot.waitUntil(lambda: controller.shown(PREVIEW) is None)


def click(qtbot, button):
    """A real press of the left mouse button."""
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.LeftButton)


def steady(qtbot, viewer):
    """Waits until docks and canvas have their places, and the view is fitted to them."""

    def places():
        size, camera = viewer.window._qt_viewer.canvas.native.size(), viewer.scene.camera
        return size.width(), size.height(), camera.zoom, tuple(camera.center)

    seen = None
    while seen != (seen := places()):
        qtbot.wait(100)


def move_held(widget, to, button):
    """A move of the mouse with a button held down, which QTest can't send."""
    at = QPointF(to)
    everywhere = QPointF(widget.mapToGlobal(at.toPoint()))
    move = QMouseEvent(QEvent.MouseMove, at, everywhere, Qt.NoButton, button, Qt.NoModifier)
    QApplication.sendEvent(widget, move)


def close_dock(qtbot, panel):
    """A click on the cross of a panel's dock, which napari hides behind the title until hovered."""
    dock = panel
    while not isinstance(dock, QDockWidget):
        dock = dock.parent()
    title = dock.titleBarWidget()
    qtbot.mouseClick(title.close_button, Qt.LeftButton)
