"""Layout of a panel: titled groups in a column that scrolls, the rest below it."""

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QDockWidget,
    QFormLayout,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QMainWindow,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from .choices import narrow
from .plain import Plain, tip

PANEL_WIDTH = 356
PLUGIN = "napari-segadv"

Row = tuple[str, Any] | Any


def native(widget: Any) -> QWidget:
    """Return the Qt widget of a magicgui widget, or a Qt widget itself."""
    return getattr(widget, "native", widget)


def group(title: str, rows: Sequence[Row]) -> QGroupBox:
    """Return a titled group of rows: a widget, a list of widgets, or a name and a widget each."""
    box = QGroupBox(title)
    form = QFormLayout(box)
    for row in rows:
        if isinstance(row, tuple):
            form.addRow(Plain(row[0]), native(row[1]))
        elif isinstance(row, list):
            form.addRow(side_by_side(row))
        else:
            form.addRow(native(row))
    return box


def side_by_side(widgets: Sequence[Any]) -> QHBoxLayout:
    """Return widgets in one line."""
    line = QHBoxLayout()
    for widget in widgets:
        line.addWidget(native(widget))
    return line


def in_rows(rows: Sequence[Sequence[QWidget]]) -> QGridLayout:
    """Return widgets in rows, all of the same width."""
    grid = QGridLayout()
    for y, row in enumerate(rows):
        for x, widget in enumerate(row):
            grid.addWidget(widget, y, x)
    return grid


class Column(QScrollArea):
    """Scrolls a panel's groups. Their widest row does not widen a new dock."""

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(PANEL_WIDTH, super().sizeHint().height())


class Tabs(QObject):
    """Tabs a panel with the panels that are docked already, when it is first shown.

    napari docks one below the other, which leaves each a third of a small screen. Panels that the
    user drags apart stay apart.
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
        dock: Any = self.parent()
        while dock is not None and not isinstance(dock, QDockWidget):
            dock = dock.parent()
        if dock is not None:
            # Seven tabs share the width, so the titles leave out the plugin's name.
            dock.setWindowTitle(dock.windowTitle().removesuffix(f" ({PLUGIN})"))
        if dock is None or dock.isFloating() or not isinstance(dock.parent(), QMainWindow):
            return
        window = dock.parent()
        area = window.dockWidgetArea(dock)
        for other in window.findChildren(QDockWidget):
            near = window.dockWidgetArea(other) == area and not other.isFloating()
            if other is not dock and near and other.findChild(Tabs) is not None:
                window.tabifyDockWidget(other, dock)
                dock.raise_()
                return


def stack(panel: QWidget, groups: Sequence[QWidget], below: Sequence[Any]) -> None:
    """Fill a panel: groups in a part that scrolls, then rows that always stay in sight."""
    panel.setMinimumWidth(PANEL_WIDTH)
    Tabs(panel)
    inside = QWidget()
    column = QVBoxLayout(inside)
    for widget in groups:
        column.addWidget(widget)
    column.addStretch()
    scroll = Column()
    scroll.setWidgetResizable(True)
    scroll.setWidget(inside)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
    for combo in inside.findChildren(QComboBox):
        narrow(combo)
    inside.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Preferred)
    outer = QVBoxLayout(panel)
    outer.setContentsMargins(4, 4, 4, 4)
    outer.addWidget(scroll, stretch=1)
    for row in below:
        if isinstance(row, list):
            outer.addLayout(side_by_side(row))
        else:
            outer.addWidget(native(row))


def set_tips(tips: Mapping[Any, str]) -> None:
    """Set tooltips by widget."""
    for widget, text in tips.items():
        tip(native(widget), text)


def refresh(box: Any) -> None:
    """Offer the present layers; the chosen one stays chosen, even under a new name."""
    chosen = box.value
    box.reset_choices()
    there = any(same(chosen, choice) for choice in box.choices)
    if there or box.choices:
        box.value = chosen if there else box.choices[0]


def same(one: Any, other: Any) -> bool:
    """Return whether two choices are the same: one layer, or equal texts, since Qt copies them."""
    return one is other or (isinstance(one, str) and isinstance(other, str) and one == other)
