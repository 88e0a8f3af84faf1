"""The legend of a prediction: each structure with its colour, its name and its size.

A click on the eye hides a structure, a click on the name goes to it, a double click shows it alone.
"""

from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPainterPath, QPen, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QVBoxLayout,
    QWidget,
)

from ...common.screen import one_line
from ..controller.structures import Row
from .class_chooser import swatch
from .plain import cell, tip

# Rows that are seen without scrolling, and structures from which on there is a filter.
SEEN, MANY = 5, 12
ROW, EYE = 22, 16
# Seen on the dark and on the light theme.
GREY = QColor(128, 128, 128)
EYES, NAMES, SIZES = range(3)
TIP = "Click: go to where it is largest. Double click: show it alone, and again: show all"


class Rows(QTableWidget):
    """The rows; keys do what the mouse does."""

    pressed_key = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key_Space, Qt.Key_Return, Qt.Key_Enter):
            self.pressed_key.emit(int(event.key()))
        else:
            super().keyPressEvent(event)


class Legend(QWidget):
    """A table of structures that stays small, with a filter if there are many.

    Signals, with the class number:
        jumped: the user wants to see the structure.
        toggled: the user hides it or shows it again.
        alone: the user wants to see it alone.
        all_shown: without a number; the user wants to see all.
    """

    jumped = Signal(int)
    toggled = Signal(int)
    alone = Signal(int)
    all_shown = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Row] = []
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("find a structure")
        self.filter.setClearButtonEnabled(True)
        tip(self.filter, "Lists only structures whose name has these letters")
        self.table = Rows(0, 3)
        self.show_all = QPushButton("Show all")
        tip(self.show_all, "Shows the structures again that were hidden")
        self._style()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (self.filter, self.table, self.show_all):
            layout.addWidget(widget)
        self.filter.textChanged.connect(self._filtered)
        self.table.cellClicked.connect(self._clicked)
        self.table.cellDoubleClicked.connect(self._double_clicked)
        self.table.pressed_key.connect(self._key)
        self.show_all.clicked.connect(self.all_shown)
        self.show_rows([])

    def _style(self) -> None:
        table = self.table
        table.setShowGrid(False)
        table.horizontalHeader().hide()
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(ROW)
        table.verticalHeader().setMinimumSectionSize(ROW)
        header = table.horizontalHeader()
        header.setMinimumSectionSize(ROW)
        header.setSectionResizeMode(EYES, QHeaderView.Fixed)
        header.resizeSection(EYES, ROW + 4)
        header.setSectionResizeMode(NAMES, QHeaderView.Stretch)
        header.setSectionResizeMode(SIZES, QHeaderView.ResizeToContents)
        table.setEditTriggers(QAbstractItemView.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectRows)
        table.setSelectionMode(QAbstractItemView.SingleSelection)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        table.setVerticalScrollMode(QAbstractItemView.ScrollPerPixel)
        table.setIconSize(QSize(EYE, EYE))
        table.setTextElideMode(Qt.ElideMiddle)
        table.setTabKeyNavigation(False)
        # A click leaves the viewer its keys; who comes by the Tab key uses Space and Enter.
        table.setFocusPolicy(Qt.TabFocus)
        tip(table, "The structures that the model knows, and how large each was predicted")

    @property
    def rows(self) -> tuple[Row, ...]:
        """What is listed, from top to bottom."""
        return tuple(self._rows)

    def show_rows(self, rows: Sequence[Row]) -> None:
        """List structures; the row that is selected and the place in the list stay."""
        if self._rows == list(rows) and self.table.rowCount() == len(rows):
            return
        place, chosen = self.table.verticalScrollBar().value(), self.table.currentRow()
        self._rows = list(rows)
        self.table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            self._fill(number, row)
        self.filter.setVisible(len(rows) >= MANY)
        if len(rows) < MANY:
            self.filter.clear()
        self.show_all.setVisible(any(row.hidden for row in rows))
        self._filtered()
        if 0 <= chosen < len(rows):
            self.table.setCurrentCell(chosen, NAMES)
        self.table.verticalScrollBar().setValue(place)

    def _fill(self, number: int, row: Row) -> None:
        shown = f"{one_line(row.name)}\n{row.size}"
        texts = ("", row.name, row.size)
        for column, text in enumerate(texts):
            item = cell(text, shown if row.found else f"{shown}\nwas not predicted")
            item.setFlags(Qt.ItemIsEnabled | Qt.ItemIsSelectable if row.found else Qt.NoItemFlags)
            self.table.setItem(number, column, item)
        self.table.item(number, NAMES).setIcon(swatch(row.colour))
        self.table.item(number, SIZES).setTextAlignment(Qt.AlignRight | Qt.AlignVCenter)
        if row.found:
            eye = self.table.item(number, EYES)
            eye.setIcon(eye_icon(not row.hidden))
            tip(eye, "Shows it again" if row.hidden else "Hides it in the predictions")
            tip(self.table.item(number, NAMES), f"{shown}\n{TIP}")

    def _filtered(self, text: str = "") -> None:
        """List the rows that have the letters of the filter, and fit the height to them."""
        letters = self.filter.text().strip().casefold()
        seen = 0
        for number, row in enumerate(self._rows):
            fits = letters in row.name.casefold()
            self.table.setRowHidden(number, not fits)
            seen += fits
        frame = 2 * self.table.frameWidth()
        self.table.setFixedHeight(ROW * max(1, min(seen, SEEN)) + frame)
        self.table.setVisible(bool(self._rows))

    def _clicked(self, number: int, column: int) -> None:
        # A table tells of clicks on rows that are switched off as well.
        row = self._rows[number]
        if row.found:
            (self.toggled if column == EYES else self.jumped).emit(row.label)

    def _double_clicked(self, number: int, column: int) -> None:
        if column != EYES and self._rows[number].found:
            self.alone.emit(self._rows[number].label)

    def _key(self, key: int) -> None:
        number = self.table.currentRow()
        if 0 <= number < len(self._rows):
            self._clicked(number, EYES if key == Qt.Key_Space else NAMES)


def eye_icon(opened: bool) -> QIcon:
    """Return an eye, or a closed one: a lid with lashes."""
    picture = QPixmap(2 * EYE, 2 * EYE)
    picture.setDevicePixelRatio(2.0)
    picture.fill(Qt.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.Antialiasing)
    painter.setPen(QPen(GREY, 1.4))
    left, right, middle = 1.5, EYE - 1.5, EYE / 2
    lid = QPainterPath(QPointF(left, middle))
    lid.quadTo(QPointF(middle, EYE - 1.0), QPointF(right, middle))
    if opened:
        lid.quadTo(QPointF(middle, 1.0), QPointF(left, middle))
        painter.drawPath(lid)
        painter.setBrush(GREY)
        painter.drawEllipse(QRectF(middle - 2.2, middle - 2.2, 4.4, 4.4))
    else:
        painter.drawPath(lid)
        for across in (-4.0, 0.0, 4.0):
            start = EYE - 4.6 - abs(across) * 0.35
            painter.drawLine(
                QPointF(middle + across, start), QPointF(middle + across * 1.35, start + 3.2)
            )
    painter.end()
    return QIcon(picture)
