"""Small tables in panels: rows of text that can be clicked."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QShowEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget

from .plain import cell

ROW = 24


class Table(QTableWidget):
    """A table that is read and clicked, never typed into."""

    def __init__(self, columns: Sequence[str], rows: int) -> None:
        super().__init__(0, len(columns))
        self.setHorizontalHeaderLabels(list(columns))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeToContents)
        self.horizontalHeader().setStretchLastSection(True)
        self.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.setSelectionMode(QAbstractItemView.SingleSelection)
        # A table with the focus would search its rows for letters, which are the viewer's keys.
        self.setFocusPolicy(Qt.NoFocus)
        self.setWordWrap(False)
        self.fit(rows)

    def fit(self, rows: int) -> None:
        """Make the table as high as its header and this number of rows."""
        self._rows = rows
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + rows * ROW + 8)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Fit again: the theme's fonts, and so the height of the header, are known only now."""
        super().showEvent(event)
        self.fit(self._rows)

    def fill(self, rows: Sequence[Sequence[str]], colours: Sequence[Any] = ()) -> None:
        """Replace the rows; the colours are those of the second column's text."""
        self.setRowCount(len(rows))
        for y, row in enumerate(rows):
            for x, text in enumerate(row):
                item = cell(text)
                if x == 1 and y < len(colours):
                    item.setForeground(QColor(colours[y]))
                self.setItem(y, x, item)
