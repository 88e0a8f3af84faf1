"""What of a window is cut off: texts that have less room than they need, widgets that stick out."""

from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtGui import QFont, QFontMetrics
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QScrollArea,
    QStyle,
    QStyleOptionComboBox,
    QStyleOptionToolButton,
    QTabBar,
    QTableWidget,
    QToolButton,
    QWidget,
)

# Pixels by which styles differ in what they tell.
CLOSE = 2
# Pixels left and right of a text in a table's cell.
CELL = 6


def seen(root):
    """All widgets within one that can be seen, itself left out."""
    return [widget for widget in root.findChildren(QWidget) if widget.isVisible()]


def text_in(widget):
    """A widget's text, and the pixels across and down that there are for it."""
    if isinstance(widget, QComboBox):
        option = QStyleOptionComboBox()
        widget.initStyleOption(option)
        field = widget.style().subControlRect(
            QStyle.CC_ComboBox, option, QStyle.SC_ComboBoxEditField, widget
        )
        return widget.currentText(), field.width()
    if isinstance(widget, QLineEdit):
        return widget.text() or widget.placeholderText(), widget.width()
    return "", 0


def text_room(button):
    """Pixels across for the text of a tool button, without the arrow of its menu."""
    option = QStyleOptionToolButton()
    button.initStyleOption(option)
    style = button.style()
    field = style.subControlRect(QStyle.CC_ToolButton, option, QStyle.SC_ToolButton, button)
    return field.width()


def cut_labels(root):
    """Texts of labels and buttons that have less room than they need."""
    found = []
    for widget in seen(root):
        if isinstance(widget, QLabel) and widget.text():
            width, height = widget.width(), widget.height()
            needed = widget.heightForWidth(width) if widget.wordWrap() else None
            if needed is None:
                short = widget.sizeHint().width() > width + CLOSE
            else:
                short = needed > height + CLOSE
            if short:
                found.append(widget.text())
        elif isinstance(widget, QToolButton) and widget.text():
            if widget.fontMetrics().horizontalAdvance(widget.text()) > text_room(widget) + CLOSE:
                found.append(widget.text())
        elif isinstance(widget, QAbstractButton) and widget.text():
            if widget.sizeHint().width() > widget.width() + CLOSE:
                found.append(widget.text())
        else:
            text, room = text_in(widget)
            boxed = isinstance(widget.parentWidget(), (QComboBox, QAbstractSpinBox))
            if text and not boxed and widget.fontMetrics().horizontalAdvance(text) > room + CLOSE:
                found.append(text)
    return found


def fits(table, item):
    """Whether the text of a table's cell is shown whole, in several lines if the table wraps."""
    room = QRect(0, 0, table.columnWidth(item.column()) - CELL, table.rowHeight(item.row()))
    font = QFont(table.font())
    font.setBold(item.font().bold())
    metrics = QFontMetrics(font)
    wrap = Qt.TextWordWrap if table.wordWrap() else Qt.TextFlag(0)
    needed = metrics.boundingRect(room, wrap, item.text())
    return needed.width() <= room.width() and needed.height() <= room.height()


def cut_cells(root):
    """Texts of tables' heads and cells that are wider than their column."""
    found = []
    for table in (t for t in seen(root) if isinstance(t, QTableWidget)):
        head, metrics = table.horizontalHeader(), table.horizontalHeader().fontMetrics()
        for column in range(table.columnCount()):
            title = table.horizontalHeaderItem(column)
            lines = "" if title is None else title.text()
            for line in lines.split("\n"):
                if metrics.horizontalAdvance(line) > head.sectionSize(column):
                    found.append(line)
            for row in range(table.rowCount()):
                item = table.item(row, column)
                if item is not None and not fits(table, item):
                    found.append(item.text())
    return found


def cut_tabs(bar: QTabBar):
    """Titles of tabs that are wider than their tab, or out of sight."""
    wide = bar.fontMetrics().horizontalAdvance
    return [
        bar.tabText(n)
        for n in range(bar.count())
        if bar.tabRect(n).width() < wide(bar.tabText(n)) or bar.tabRect(n).right() > bar.width()
    ]


def sticking_out(root):
    """Widgets that reach beyond what they are shown in, to the left or to the right."""
    found = []
    for widget in seen(root):
        around = widget.parentWidget()
        place = QRect(widget.mapTo(root, QPoint(0, 0)), widget.size())
        outer = QRect(around.mapTo(root, QPoint(0, 0)), around.size())
        if place.left() < outer.left() - CLOSE or place.right() > outer.right() + CLOSE:
            found.append(f"{type(widget).__name__} in {type(around).__name__}")
    return found


def scrolled_sideways(root):
    """Parts that can be scrolled to the left and right."""
    areas = [area for area in seen(root) if isinstance(area, QAbstractScrollArea)]
    found = [type(area).__name__ for area in areas if area.horizontalScrollBar().maximum()]
    for area in areas:
        inside = area.widget() if isinstance(area, QScrollArea) else None
        if inside is not None and inside.width() > area.viewport().width():
            found.append(f"{type(area).__name__} is narrower than what it shows")
    return found


def cut_off(root):
    """All that is cut off in a part of the window, in words."""
    return {
        "texts": cut_labels(root),
        "cells": cut_cells(root),
        "widgets": sticking_out(root),
        "scrolled": scrolled_sideways(root),
    }


NOTHING = {"texts": [], "cells": [], "widgets": [], "scrolled": []}
