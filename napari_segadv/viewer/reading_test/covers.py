"""Covers for the other windows, so that nothing in them shows while a reading test runs."""

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QApplication, QVBoxLayout, QWidget

from ..widgets.plain import Plain


class Cover(QWidget):
    """An opaque sheet over a whole window, layer list, status bar and menus included."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        line = Plain("A reading test is running in its own window.")
        line.setAlignment(Qt.AlignCenter)
        QVBoxLayout(self).addWidget(line)
        # In the colour of the theme; without one, in that of the desktop.
        self.setAttribute(Qt.WA_StyledBackground)
        self.setAutoFillBackground(True)
        window.installEventFilter(self)
        self._fit()
        self.show()

    def _fit(self) -> None:
        self.setGeometry(self.parentWidget().rect())
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        # A layout request comes after a widget was added to the window, above the cover.
        if event.type() in (QEvent.Resize, QEvent.ChildAdded, QEvent.LayoutRequest):
            self._fit()
        return False


def cover_all(but: QWidget) -> list[Cover]:
    """Cover every visible window except one; floating panels are windows too."""
    # Tooltips and menus close by themselves.
    passing = (Qt.ToolTip, Qt.Popup, Qt.SplashScreen)
    shown = [w for w in QApplication.topLevelWidgets() if w.isVisible() and w is not but]
    return [Cover(w) for w in shown if w.windowType() not in passing]


def uncover(covers: list[Cover]) -> None:
    """Remove covers; a window may be gone by now, and its cover with it."""
    while covers:
        cover = covers.pop()
        try:
            cover.hide()
            cover.deleteLater()
        except RuntimeError:
            continue
