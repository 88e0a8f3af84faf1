"""Room for the image: in a small window, napari's own docks become tabs beside the workbench.

napari's list of layers and its layer controls are 320 pixels wide. With a panel on the other side,
a window of 1280 pixels would leave the image less than half of its width.
"""

import weakref
from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from ..widgets.docking import dock_of

# Least share of the window's width that is for the image.
SHARE = 0.55
# Names of napari's docks, top to bottom.
NAPARI_S = ("layer controls", "layer list")
# Pixels of the lines between docks and image.
LINES = 26


class Room(QObject):
    """Arranges napari's docks when the workbench is opened, and when the window crosses a width.

    Between these moments, the user's own arrangement stays. Before the window closes, which saves
    the places of the docks, and with the workbench, napari's docks go back.
    """

    def __init__(self, panel: QWidget, main: QMainWindow) -> None:
        """Prepare, for a panel that is docked later.

        Args:
            panel: the workbench.
            main: napari's main window, which is not kept: it may be closed at any time.
        """
        super().__init__(panel)
        self._window = weakref.ref(main)
        self._narrow = False
        # The panel's dock, which is still there when the panel has lost it.
        self._dock: Callable[[], QDockWidget | None] = lambda: None
        panel.installEventFilter(self)
        main.installEventFilter(self)

    @property
    def _panel(self) -> QWidget:
        return self.parent()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Close and watched is self._window():
            self.give_back()
            # Should the window stay open after all.
            QTimer.singleShot(0, self.arrange)
        elif event.type() in (QEvent.Show, QEvent.Resize):
            # After napari has put the dock in its place.
            QTimer.singleShot(0, self.arrange)
        return False

    def arrange(self) -> None:
        """Give the image its share, if the window has become narrow or wide since the last time."""
        dock, main = dock_of(self._panel), self._window()
        if dock is None or main is None or dock.isFloating() or not main.isVisible():
            return
        narrow = self._share(main) < SHARE
        if narrow == self._narrow:
            return
        if not narrow:
            self.give_back()
            return
        self._narrow, self._dock = True, weakref.ref(dock)
        width = dock.width()
        for name in reversed(NAPARI_S):
            other = main.findChild(QDockWidget, name)
            if other is not None and not other.isFloating() and other.isVisible():
                main.tabifyDockWidget(dock, other)
        dock.raise_()
        main.resizeDocks([dock], [width], Qt.Horizontal)

    def give_back(self) -> None:
        """Put napari's docks back to the left."""
        dock, main = self._dock(), self._window()
        if not self._narrow or dock is None or main is None:
            return
        self._narrow = False
        try:
            beside = main.tabifiedDockWidgets(dock)
        except RuntimeError:
            # The window has been deleted with all its docks.
            return
        mine = [d for d in beside if d.objectName() in NAPARI_S]
        mine.sort(key=lambda d: NAPARI_S.index(d.objectName()))
        for place, other in enumerate(mine):
            main.addDockWidget(Qt.LeftDockWidgetArea, other)
            if place:
                main.splitDockWidget(mine[place - 1], other, Qt.Vertical)

    def _share(self, main: QMainWindow) -> float:
        """Return the image's share of the width if napari's docks stand on the other side."""
        others = [main.findChild(QDockWidget, name) for name in NAPARI_S]
        theirs = max(
            (d.minimumSizeHint().width() for d in others if d is not None and not d.isHidden()),
            default=0,
        )
        taken = theirs + self._panel.minimumSizeHint().width() + LINES
        return float(1 - taken / max(1, main.width()))
