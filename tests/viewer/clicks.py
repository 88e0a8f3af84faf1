"""Waiting and clicking in a real window."""

from qtpy.QtCore import Qt

from napari_segadv.viewer.preview import IMAGE


def idle(qtbot, controller, timeout=60_000):
    """Waits until nothing is running, and no preview is left."""
    qtbot.waitUntil(lambda: not controller.busy, timeout=timeout)
    qtbot.waitUntil(lambda: controller.shown(IMAGE) is None)


def click(qtbot, button):
    """A real press of the left mouse button."""
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.LeftButton)
