"""Waiting and clicking in a real window."""

from qtpy.QtCore import Qt


def idle(qtbot, controller, timeout=60_000):
    """Waits until nothing is running."""
    qtbot.waitUntil(lambda: not controller.busy, timeout=timeout)


def click(qtbot, button):
    """A real press of the left mouse button."""
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.LeftButton)
