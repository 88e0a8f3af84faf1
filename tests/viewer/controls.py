"""Real clicks and keys on the controls of forms, and what napari tells the user."""

from contextlib import contextmanager

from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QTextDocumentFragment, QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_segadv.viewer.widgets.layout import native


def tick(qtbot, box):
    """A click on a check mark itself: beside a wide box's there is nothing to click."""
    box = native(box)
    # A form that is new is seen in the next turn.
    qtbot.waitUntil(box.isVisible)
    before = box.isChecked()
    qtbot.mouseClick(box, Qt.LeftButton, pos=QPoint(8, box.height() // 2))
    assert box.isChecked() != before


def type_in(qtbot, box, text):
    """Types a number over the one that a box holds."""
    box = native(box)
    qtbot.waitUntil(box.isVisible)
    assert box.isEnabled()
    box.selectAll()
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, Qt.Key_Return)


def pick(qtbot, box, text):
    """Goes to an entry of a list by the arrow keys."""
    box = native(box)
    qtbot.waitUntil(box.isVisible)
    assert box.isEnabled()
    away = box.findText(text) - box.currentIndex()
    for _ in range(abs(away)):
        qtbot.keyClick(box, Qt.Key_Down if away > 0 else Qt.Key_Up)
    assert box.currentText() == text


def tip_of(widget):
    """The tooltip of a widget or an item, as it is read."""
    return QTextDocumentFragment.fromHtml(widget.toolTip()).toPlainText()


@contextmanager
def notices():
    """What napari tells meanwhile: pairs of how grave it is and the message."""
    seen = []

    def hear(notice):
        seen.append((str(notice.severity), notice.message))

    notification_manager.notification_ready.connect(hear)
    try:
        yield seen
    finally:
        notification_manager.notification_ready.disconnect(hear)


def wheel(widget, at, turns, modifier=Qt.NoModifier):
    """A turn of the mouse wheel over a place of a widget, which QTest can't send."""
    everywhere = widget.mapToGlobal(at)
    while widget is not None:
        place = widget.mapFromGlobal(everywhere)
        turned = QWheelEvent(
            *(QPointF(place), QPointF(everywhere), QPoint(), QPoint(0, turns)),
            *(Qt.NoButton, modifier, Qt.NoScrollPhase, False),
        )
        QApplication.sendEvent(widget, turned)
        # Who does not want it leaves it to the one around it; Qt hands on real ones alone.
        if turned.isAccepted() or widget.isWindow():
            return
        widget = widget.parentWidget()
