"""Where panels are docked: in the workbench if it is open, else as tabs of one place."""

from typing import TYPE_CHECKING, Any, Protocol

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from .settings import PLUGIN

if TYPE_CHECKING:
    from napari.viewer import Viewer


# Tells the workbench from all other widgets of a window.
HOST = "segadv workbench"


class Host(Protocol):
    """A panel that shows other panels; there is at most one in a window. Qt knows it as HOST."""

    left: bool

    def open(self, title: str) -> QWidget:
        """Go to the panel of this title in the manifest; return it."""

    def takes(self, panel: QWidget) -> bool:
        """Return whether it has a place for a panel."""

    def take(self, panel: QWidget) -> None:
        """Show a panel that was docked on its own in its place here, and go to it."""


def open_panel(viewer: "Viewer", title: str) -> QWidget:
    """Show the panel of a title: in its tab of the workbench if that is open, else in a dock."""
    host = host_in(viewer.window._qt_window)
    if host is not None:
        return host.open(title)
    panel: QWidget
    dock, panel = viewer.window.add_plugin_dock_widget(PLUGIN, title, tabify=True)
    dock.show()
    dock.raise_()
    return panel


def host_in(main: QWidget) -> Host | None:
    """Return the workbench that is docked in a main window."""
    hosts: list[Host] = main.findChildren(QWidget, HOST)
    return next((host for host in hosts if not host.left), None)


def hosted(panel: QWidget) -> bool:
    """Return whether a panel is shown in the workbench, not in a dock of its own."""
    around = panel.parentWidget()
    while around is not None and around.objectName() != HOST:
        around = around.parentWidget()
    return around is not None


def dock_of(panel: QWidget) -> QDockWidget | None:
    """Return the dock that a panel is in."""
    around: Any = panel
    while around is not None and not isinstance(around, QDockWidget):
        around = around.parent()
    return around


class Tabs(QObject):
    """Tabs a panel with the panels that are docked already, when it is first shown.

    napari docks one below the other, which leaves each a third of a small screen. Panels that the
    user drags apart stay apart. If the workbench is open, it takes the panel.
    """

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        panel.installEventFilter(self)

    def eventFilter(self, panel: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Show:
            panel.removeEventFilter(self)
            # After napari has put the dock in its place.
            QTimer.singleShot(0, self.join)
        return False

    def join(self) -> None:
        """Shorten the dock's title, and tab it with another panel's dock."""
        panel: Any = self.parent()
        dock = None if hosted(panel) else dock_of(panel)
        if dock is None:
            return
        # Seven tabs share the width, so the titles leave out the plugin's name.
        title = dock.windowTitle().removesuffix(f" ({PLUGIN})")
        dock.setWindowTitle(title)
        # napari's own title bar, which does not follow the title.
        label: Any = getattr(dock.titleBarWidget(), "title", None)
        if hasattr(label, "setText"):
            label.setText(title)
        window = dock.parent()
        if dock.isFloating() or not isinstance(window, QMainWindow):
            return
        host = host_in(window)
        if host is not None and host is not panel and host.takes(panel):
            host.take(panel)
            return
        area = window.dockWidgetArea(dock)
        for other in window.findChildren(QDockWidget):
            near = window.dockWidgetArea(other) == area and not other.isFloating()
            if other is not dock and near and other.findChild(Tabs) is not None:
                window.tabifyDockWidget(other, dock)
                dock.raise_()
                return
