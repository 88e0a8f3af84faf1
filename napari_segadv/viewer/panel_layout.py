"""Helpers to lay out a panel: titled groups in a column that scrolls, the rest below it."""

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

PANEL_WIDTH = 340

Row = tuple[str, Any] | Any


def native(widget: Any) -> QWidget:
    """The Qt widget of a magicgui widget, or a Qt widget itself."""
    return getattr(widget, "native", widget)


def group(title: str, rows: Sequence[Row]) -> QGroupBox:
    """A titled group of rows, each a widget or a name and a widget."""
    box = QGroupBox(title)
    form = QFormLayout(box)
    for row in rows:
        if isinstance(row, tuple):
            form.addRow(row[0], native(row[1]))
        elif isinstance(row, list):
            form.addRow(side_by_side(row))
        else:
            form.addRow(native(row))
    return box


def side_by_side(widgets: Sequence[Any]) -> QHBoxLayout:
    line = QHBoxLayout()
    for widget in widgets:
        line.addWidget(native(widget))
    return line


def stack(panel: QWidget, groups: Sequence[QWidget], below: Sequence[Any]) -> None:
    """Fills a panel: groups in a part that scrolls, then rows that always stay in sight."""
    panel.setMinimumWidth(PANEL_WIDTH)
    inside = QWidget()
    column = QVBoxLayout(inside)
    for widget in groups:
        column.addWidget(widget)
    column.addStretch()
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setWidget(inside)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
    for combo in inside.findChildren(QComboBox):
        # A long file name must not make the panel wider than the screen.
        combo.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(6)
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
    for widget, text in tips.items():
        native(widget).setToolTip(text)


def refresh(box: Any) -> None:
    """Offers the layers there are now; what was chosen stays chosen, under its new name too."""
    chosen = box.value
    box.reset_choices()
    there = any(chosen is choice for choice in box.choices)
    if there or box.choices:
        box.value = chosen if there else box.choices[0]


def unlink(shown: dict[Any, Any]) -> None:
    """Takes a panel that is gone off the controller's signals."""
    for signal, slot in shown.items():
        signal.disconnect(slot, missing_ok=True)
