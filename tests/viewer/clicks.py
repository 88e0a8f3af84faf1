"""Waiting and clicking in a real window: no test waits for a time, each waits for what comes."""

from qtpy.QtCore import QEvent, QObject, QPointF, Qt, QTimer, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QDockWidget

from napari_segadv.viewer.layers.names import PREVIEW
from napari_segadv.viewer.widgets.panel import DOCKED

# Milliseconds until what is for `soon` has its turn.
SOON = 1


def idle(qtbot, controller):
    """Waits until nothing is running, and no preview is left."""
    qtbot.waitUntil(lambda: not controller.jobs.busy)
    images = lambda: [image for image in controller.images if controller.shown(PREVIEW, image)]
    qtbot.waitUntil(lambda: not images())


def loaded(qtbot, panel, victim):
    """The attack panel with a victim as if the user had chosen it, which comes from no file.

    First the one is loaded that the panel suggests for an image.
    """
    idle(qtbot, panel.controller)
    panel.victim_section._touch()
    panel.controller.victims.victim = victim
    panel.controller.victims.victim_changed.emit(victim)
    return panel


class Marker(QObject):
    """An event sent to it comes back as a signal."""

    back = Signal()

    def event(self, event):
        if event.type() == QEvent.User:
            self.back.emit()
            return True
        return super().event(event)


def drained(qtbot):
    """Lets all have its turn that the event loop holds now, and then what that has asked for.

    Events, deletions and layouts come before a marker that is posted behind them, `soon` and
    timers without an interval before a timer that is started after them.
    """
    for _ in range(2):
        # What the screen has to say of windows that were moved, sized or shown.
        QApplication.sync()
        marker = Marker()
        with qtbot.waitSignal(marker.back):
            QApplication.postEvent(marker, QEvent(QEvent.User), Qt.LowEventPriority.value)
        after_timers(qtbot, SOON)


def after_timers(qtbot, interval):
    """Waits until every timer of an interval, in ms, that runs already has fired.

    Timers fire in the order in which they are due, so the wait ends behind them however slow the
    machine is.
    """
    timer = QTimer()
    timer.setSingleShot(True)
    timer.setTimerType(Qt.PreciseTimer)
    with qtbot.waitSignal(timer.timeout):
        timer.start(interval)


def drawn(qtbot, canvas):
    """Has a canvas of napari drawn once more, with all that was changed before."""
    frames, scene = [], canvas._scene_canvas
    note = frames.append
    scene.events.draw.connect(note)
    scene.update()
    qtbot.waitUntil(lambda: bool(frames))
    scene.events.draw.disconnect(note)


def steady(qtbot, viewer):
    """Waits until docks and canvas have their places, and the view is fitted to them."""

    def places():
        size, camera = viewer.window._qt_viewer.canvas.native.size(), viewer.scene.camera
        return size.width(), size.height(), camera.zoom, tuple(camera.center)

    def unchanged():
        before = places()
        drained(qtbot)
        # A panel that has come fits the view a moment later.
        after_timers(qtbot, DOCKED)
        drained(qtbot)
        return places() == before

    drained(qtbot)
    qtbot.waitUntil(unchanged)


def click(qtbot, button):
    """A real press of the left mouse button."""
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.LeftButton)


def move_held(widget, to, button):
    """A move of the mouse with a button held down or none.

    QTest can't send one with a button, and for others moves the pointer of the screen, whose own
    moves come late.
    """
    at = QPointF(to)
    everywhere = QPointF(widget.mapToGlobal(at.toPoint()))
    event = QMouseEvent(QEvent.MouseMove, at, everywhere, Qt.NoButton, button, Qt.NoModifier)
    QApplication.sendEvent(widget, event)


def move(qtbot, native, to, button=Qt.NoButton):
    """A move of the mouse over a canvas of napari, which has taken it when this returns.

    Of moves that come fast napari leaves some out, so this one comes once it has rested.
    """
    listening = native._vispy_canvas.events.mouse_move.callbacks
    (throttled,) = [each for each in listening if isinstance(each, QObject)]
    resting = throttled.findChild(QTimer)
    qtbot.waitUntil(lambda: not resting.isActive())
    move_held(native, to, button)


def drag(qtbot, native, start, end, button=Qt.LeftButton):
    """A drag over a canvas, from a pixel to another; the button stays down."""
    move(qtbot, native, start)
    qtbot.mousePress(native, button, pos=start)
    for share in (0.3, 0.6, 1.0):
        move(qtbot, native, start + (end - start) * share, button)


def close_dock(qtbot, panel):
    """A click on the cross of a panel's dock, which napari hides behind the title until hovered."""
    dock = panel
    while not isinstance(dock, QDockWidget):
        dock = dock.parent()
    title = dock.titleBarWidget()
    qtbot.mouseClick(title.close_button, Qt.LeftButton)
