"""The window that compares runs in a table, which can be copied or saved as CSV."""

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QVBoxLayout,
    QWidget,
)

from ...common.atomic_files import write_text
from ...common.screen import one_line
from ...errors import SegadvError
from ...results.tables import Rows, as_csv
from ..notices import complain, tell
from ..widgets.dialogs import pick_table
from ..widgets.layout import set_tips
from ..widgets.plain import cell, tip

WIDTH, HEIGHT, ROW = 640, 560, 26


class RunsTable(QDialog):
    """One row per parameter or figure, one column per run."""

    def __init__(self, rows: Rows, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare runs")
        self.setAttribute(Qt.WA_DeleteOnClose)
        self.rows = rows
        self.table = QTableWidget(len(rows) - 1, len(rows[0]) - 1)
        self.copy_button, self.save_button = QPushButton("Copy"), QPushButton("Save as CSV …")
        self.close_button = QPushButton("Close")
        self._fill()
        line = QHBoxLayout()
        for button in (self.copy_button, self.save_button, self.close_button):
            button.setAutoDefault(False)
            line.addWidget(button)
        column = QVBoxLayout(self)
        column.addWidget(self.table)
        column.addLayout(line)
        set_tips(
            {
                self.table: "Parameters in which the runs differ, and figures with units",
                self.copy_button: "Copies the table as comma-separated text",
                self.save_button: "Writes the table as a CSV file",
                self.close_button: "Closes this window (Escape)",
            }
        )
        self.copy_button.clicked.connect(self.copy)
        self.save_button.clicked.connect(self._ask_where)
        self.close_button.clicked.connect(self.close)
        self.resize(WIDTH, HEIGHT)

    def copy(self) -> None:
        """Copy the table to the clipboard as CSV."""
        QApplication.clipboard().setText(as_csv(self.rows))

    def save(self, path: Path) -> None:
        """Write the table as CSV."""
        try:
            # With a byte order mark: without it, spreadsheets do not read UTF-8.
            write_text(path, as_csv(self.rows), "utf-8-sig")
        except SegadvError as error:
            complain(error)
            return
        tell(f"table saved as {path}")

    def _fill(self) -> None:
        names, *rows = self.rows
        table = self.table
        table.setHorizontalHeaderLabels([one_line(name) for name in names[1:]])
        table.setVerticalHeaderLabels([one_line(row[0]) for row in rows])
        table.setEditTriggers(QTableWidget.NoEditTriggers)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.Stretch)
        header.setTextElideMode(Qt.ElideRight)
        header.setDefaultAlignment(Qt.AlignLeft | Qt.AlignVCenter)
        for x, name in enumerate(names[1:]):
            tip(table.horizontalHeaderItem(x), name)
        table.verticalHeader().setDefaultSectionSize(ROW)
        table.setWordWrap(False)
        for y, row in enumerate(rows):
            for x, text in enumerate(row[1:]):
                table.setItem(y, x, cell(text))

    def _ask_where(self) -> None:
        path = pick_table(self, "Save the table", "runs")
        if path is not None:
            self.save(path)
