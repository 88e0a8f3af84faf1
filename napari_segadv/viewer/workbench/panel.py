"""The dock widget "Workbench": all panels as tabs of one dock, and what runs below."""

from html import escape

import napari
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from ..attack.run_text import outcome_text
from ..widgets.docking import HOST, Tabs, dock_of
from ..widgets.layout import PANEL_WIDTH, SPACING
from ..widgets.panel import Panel
from ..widgets.progress import ProgressStrip
from ..widgets.tabs import all_tabs
from .room import Room

TITLE = "Workbench"
# In the order of work: the title of each tab, of its panel as a dock, and the panel.
TABS = all_tabs()


class Workbench(Panel):
    """The tabs. Each holds a panel, which is made when the tab is first opened.

    A panel that is docked on its own when the workbench is opened, or later, moves into its tab.

    Attributes:
        tabs: the tabs.
        strip: what runs, always in view.
    """

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(napari_viewer)
        self.setObjectName(HOST)
        self.tabs = QTabWidget()
        self.strip = ProgressStrip(self.controller, outcome_text)
        self._panels: dict[int, QWidget] = {}
        self._room = Room(self, self.viewer.window._qt_window)
        Tabs(self)
        self._lay_out()
        self.tabs.currentChanged.connect(self._opened_tab)
        self.listen(self.strip.slots)
        self.at_leaving(self._room.give_back)
        self._gather()
        self._opened_tab(self.tabs.currentIndex())

    def _lay_out(self) -> None:
        bar = self.tabs.tabBar()
        # All titles are in view: the dock is as wide as they are.
        bar.setUsesScrollButtons(False)
        bar.setExpanding(True)
        self.tabs.setDocumentMode(True)
        for short, title, panel in TABS:
            page = QWidget()
            QVBoxLayout(page).setContentsMargins(0, 0, 0, 0)
            number = self.tabs.addTab(page, short)
            about = (panel.__doc__ or "").partition("\n")[0]
            self.tabs.setTabToolTip(number, escape(title) if not about else title)
        self.setMinimumWidth(PANEL_WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 4, 2)
        column.setSpacing(SPACING)
        column.addWidget(self.tabs, stretch=1)
        column.addWidget(self.strip)

    def open(self, title: str) -> QWidget:
        number = self._number(title)
        self.tabs.setCurrentIndex(number)
        dock = dock_of(self)
        if dock is not None:
            dock.show()
            dock.raise_()
        return self._panel(number)

    def takes(self, panel: QWidget) -> bool:
        return any(type(panel) is kind for _, _, kind in TABS)

    def take(self, panel: QWidget) -> None:
        number = next(n for n, tab in enumerate(TABS) if type(panel) is tab[2])
        dock = dock_of(panel)
        if number not in self._panels:
            self._put(number, panel)
        if dock is not None:
            # Without its panel, or with a second one, which is closed with its dock.
            self.viewer.window.remove_dock_widget(dock)
        self.open(TABS[number][1])

    def closing(self) -> None:
        for panel in self._panels.values():
            # Tells the panel that its place is closed.
            panel.setParent(None)
            panel.deleteLater()
        self._panels.clear()

    def _gather(self) -> None:
        """Take the panels that are docked already."""
        for panel in list(self.viewer.window.dock_widgets.values()):
            if isinstance(panel, QWidget) and self.takes(panel):
                self.take(panel)

    def _opened_tab(self, number: int) -> None:
        panel = self._panel(number)
        # The attack panel itself says how an attack ended.
        self.strip.set_quiet(bool(panel.findChildren(ProgressStrip)))

    def _number(self, title: str) -> int:
        return next(n for n, tab in enumerate(TABS) if tab[1] == title)

    def _panel(self, number: int) -> QWidget:
        """Return a tab's panel; make it if it does not exist yet."""
        if number not in self._panels:
            self._put(number, TABS[number][2](self.viewer))
        return self._panels[number]

    def _put(self, number: int, panel: QWidget) -> None:
        self._panels[number] = panel
        self.tabs.widget(number).layout().addWidget(panel)
        panel.show()
        # What runs is shown once, below the tabs.
        for strip in panel.findChildren(ProgressStrip):
            strip.hide()
