"""The list of a session's runs: their names, which can be edited in place, and their results."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QItemSelectionModel, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget

from ...common.wording import counted
from ...results.tables import facts, outcome
from ..controller.runs import Run
from ..widgets.plain import cell

SHOWN = "\N{BLACK RIGHT-POINTING TRIANGLE}"
MOST_TIPS, LEAST = 40, 300
# Lines of a cell that are shown at most.
LINES = 3


class RunsList(QTableWidget):
    """Runs as rows, the one that is shown marked.

    Signals:
        wanted: a run was double clicked, or Enter was pressed on it.
        renamed: a run, and the name that was typed.
        deleted: Delete was pressed.
    """

    wanted = Signal(object)
    renamed = Signal(object, str)
    deleted = Signal()

    def __init__(self) -> None:
        super().__init__(0, 3)
        self.runs: list[Run] = []
        # The run that was selected by itself, and whether none is: after a run was deleted, a
        # second press of Delete must not meet another one.
        self._own: Run | None = None
        self._none = False
        self._shown: Run | None = None
        self.setHorizontalHeaderLabels(["", "run", "result"])
        self.verticalHeader().hide()
        # A long name or result takes a third line.
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeToContents)
        header = self.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.Interactive)
        header.setSectionResizeMode(2, QHeaderView.Stretch)
        header.setHighlightSections(False)
        self.setColumnWidth(1, 92)
        self.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.setSelectionMode(QAbstractItemView.ExtendedSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setMinimumHeight(LEAST)
        self.cellDoubleClicked.connect(lambda row, _: self.wanted.emit(self.runs[row]))
        self.itemChanged.connect(self._typed)

    @property
    def chosen(self) -> list[Run]:
        """The runs that are selected, in order."""
        rows = sorted({index.row() for index in self.selectedIndexes()})
        return [self.runs[row] for row in rows if row < len(self.runs)]

    def fill(self, runs: Sequence[Run], shown: Run | None) -> None:
        """Show these runs; runs that were listed before keep their selection.

        The run that is shown, or the only one, is selected by itself unless the user has selected
        others.
        """
        chosen, current = self._selection(runs, shown), self.currentRow()
        under = self.runs[current] if 0 <= current < len(self.runs) else None
        self.runs = list(runs)
        with QSignalBlocker(self):
            self.clearSelection()
            self.setRowCount(len(runs))
            for row, run in enumerate(runs):
                self._fill_row(row, run, run is shown)
            if under in self.runs:
                self.setCurrentCell(self.runs.index(under), 1)
            self.clearSelection()
            for row, run in enumerate(runs):
                for column in range(self.columnCount()):
                    self.item(row, column).setSelected(run in chosen)
        self.itemSelectionChanged.emit()

    def _selection(self, runs: Sequence[Run], shown: Run | None) -> list[Run]:
        """Return which of these runs are to be selected."""
        chosen = self.chosen
        if any(run not in runs for run in self.runs):
            self._none = True
        if any(run not in self.runs for run in runs) or shown not in (None, self._shown):
            self._none = False
        self._shown = shown
        if self._own not in runs:
            # A run that was deleted is let go.
            self._own = None
        only = shown if shown in runs else (runs[0] if len(runs) == 1 else None)
        if only is None or self._none or chosen not in ([], [self._own]):
            return chosen
        self._own = only
        return [only]

    def choose(self, run: Run) -> None:
        """Select one run alone."""
        if run in self.runs:
            # Not selectRow, which adds to the selection while Shift is held down.
            flags = QItemSelectionModel.ClearAndSelect | QItemSelectionModel.Rows
            place = self.model().index(self.runs.index(run), 1)
            self.selectionModel().setCurrentIndex(place, flags)

    def rename(self, run: Run) -> None:
        """Let the user type another name in place."""
        if run in self.runs:
            self.setFocus()
            item = self.item(self.runs.index(run), 1)
            self.setCurrentItem(item)
            self.editItem(item)

    def keyboardSearch(self, search: str) -> None:  # noqa: N802 - Qt's name
        """Ignore letters: they are the viewer's keys."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        key, chosen = event.key(), self.chosen
        if self.state() == QAbstractItemView.EditingState:
            # The editor passes on the Enter that ends it.
            super().keyPressEvent(event)
        elif key in (Qt.Key_Return, Qt.Key_Enter) and chosen:
            self.wanted.emit(chosen[0])
        elif key == Qt.Key_F2 and chosen:
            self.rename(chosen[0])
        elif key == Qt.Key_Delete:
            self.deleted.emit()
        else:
            super().keyPressEvent(event)

    def _fill_row(self, row: int, run: Run, shown: bool) -> None:
        about = tip_of(run)
        for column, text in enumerate((SHOWN if shown else "", run.name, outcome(run.example))):
            item = cell(text, about, LINES)
            flags = Qt.ItemIsEnabled | Qt.ItemIsSelectable
            item.setFlags(flags | Qt.ItemIsEditable if column == 1 else flags)
            font = item.font()
            font.setBold(shown and column < 2)
            item.setFont(font)
            self.setItem(row, column, item)

    def _typed(self, item: Any) -> None:
        if item.column() == 1 and item.row() < len(self.runs):
            self.renamed.emit(self.runs[item.row()], item.text().strip())


def tip_of(run: Run) -> str:
    """Return all parameters and main measures of a run, one per line."""
    lines = [f"{name}: {value}" for name, value in facts(run.example).items()]
    judged = f"{counted(len(run.verdicts), 'slice')} judged" if run.verdicts else "no slice judged"
    return "\n".join([run.name, *lines[:MOST_TIPS], judged, "saved" if run.saved else "not saved"])
