"""Layout of a panel: titled groups in a column that scrolls, the rest below it."""

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from .choices import narrow
from .docking import Tabs
from .plain import Plain, tip

PANEL_WIDTH = 356
# Pixels around and between the rows of a group: a panel should fit a window of 800 pixels.
MARGINS, SPACING = (8, 3, 8, 3), 4

Row = tuple[str, Any] | Any


def native(widget: Any) -> QWidget:
    """Return the Qt widget of a magicgui widget, or a Qt widget itself."""
    return getattr(widget, "native", widget)


def group(title: str, rows: Sequence[Row]) -> QGroupBox:
    """Return a titled group of rows: a widget, a list of widgets, or a name and a widget each."""
    box = QGroupBox(title)
    form = QFormLayout(box)
    form.setContentsMargins(*MARGINS)
    form.setSpacing(SPACING)
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


def stack(panel: QWidget, groups: Sequence[QWidget], below: Sequence[Any]) -> None:
    """Fill a panel: groups in a part that scrolls, then rows that always stay in sight."""
    panel.setMinimumWidth(PANEL_WIDTH)
    Tabs(panel)
    inside = QWidget()
    column = QVBoxLayout(inside)
    column.setContentsMargins(2, 2, 2, 2)
    column.setSpacing(SPACING)
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
    outer.setContentsMargins(4, 2, 4, 2)
    outer.setSpacing(SPACING)
    outer.addWidget(scroll, stretch=1)
    for row in below:
        if isinstance(row, list):
            outer.addLayout(side_by_side(row))
        elif isinstance(row, QLayout):
            outer.addLayout(row)
        else:
            outer.addWidget(native(row))


def show_row(widget: Any, shown: bool) -> None:
    """Show or hide a field of a form with its label."""
    field = native(widget)
    field.setVisible(shown)
    for form in field.parentWidget().findChildren(QFormLayout):
        label = form.labelForField(field)
        if label is not None:
            label.setVisible(shown)


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
