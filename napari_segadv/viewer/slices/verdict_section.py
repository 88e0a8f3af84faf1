"""The part of the Slices panel where a reader judges slices; see `results.verdicts`."""

from pathlib import Path

from qtpy.QtCore import QRect, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from ...common.atomic_files import write_text
from ...errors import SegadvError
from ...results.by_slice import SliceFigures
from ...results.verdicts import VERDICTS, Verdict, verdicts_to_csv
from ..controller.runs import Run, Runs
from ..notices import tell
from ..widgets.dialogs import pick_table
from ..widgets.layout import set_tips, side_by_side
from ..widgets.tables import Table
from .plot import MARKS


def mark_icon(verdict: str) -> QIcon:
    """Return the mark that a verdict has in the plot."""
    colour, _, symbol = MARKS[verdict]
    picture = QPixmap(16, 16)
    picture.fill(Qt.transparent)
    painter = QPainter(picture)
    painter.setPen(QColor(colour))
    painter.drawText(QRect(0, 0, 16, 16), int(Qt.AlignCenter), symbol)
    painter.end()
    return QIcon(picture)


class VerdictSection(QWidget):
    """Buttons and a note for the slice in view, and a table of all verdicts.

    Signals:
        goes: the number of the slice that was clicked in the table.
        refused: one line for the user.
    """

    goes = Signal(int)
    refused = Signal(str)

    def __init__(self, runs: Runs) -> None:
        super().__init__()
        self._runs = runs
        self._run: Run | None = None
        self._number: int | None = None
        self._figures: SliceFigures | None = None
        self.buttons = {name: QPushButton(mark_icon(name), name) for name in VERDICTS}
        self.note = QLineEdit()
        self.note.setPlaceholderText("note")
        self.table = Table(("slice", "verdict", "note"), rows=4)
        self.save_button = QPushButton("Save as CSV …")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        line = QHBoxLayout()
        line.setSpacing(3)
        for name, button in self.buttons.items():
            button.setCheckable(True)
            button.clicked.connect(lambda checked, name=name: self.say(name if checked else ""))
            line.addWidget(button)
        column.addLayout(line)
        column.addWidget(self.note)
        column.addWidget(self.table)
        column.addLayout(side_by_side([self.save_button]))
        self.note.editingFinished.connect(self.keep_note)
        self.table.cellClicked.connect(lambda row, _: self._clicked(row))
        self.save_button.clicked.connect(self._ask_where)
        set_tips(
            {
                self.note: "A note on the slice in view; Enter keeps it",
                self.table: "Verdicts so far; a click goes to the slice",
                self.save_button: "Writes the verdicts and the slices' figures as a table",
                **{
                    button: f"Verdict on the slice in view: {name} (Alt-{n}); press again to undo"
                    for n, (name, button) in enumerate(self.buttons.items(), start=1)
                },
            }
        )

    def show_run(self, run: Run | None, figures: SliceFigures | None = None) -> None:
        """Show a run's verdicts; `save` writes the figures beside them."""
        self.keep_note()
        if run is not self._run:
            self._number = None
        self._run, self._figures = run, figures
        self.refresh()

    def show_number(self, number: int | None) -> None:
        """Show the verdict on the slice in view."""
        if number != self._number:
            self.keep_note()
            self._number = number
            self._show_verdict()

    def say(self, said: str) -> None:
        """Give one of VERDICTS on the slice in view; "" takes it back."""
        self._judge(Verdict(said, self.note.text().strip()))

    def keep_note(self) -> None:
        """Keep the note that was typed for the slice in view."""
        if self.note.isModified():
            self.note.setModified(False)
            self._judge(Verdict(self._verdict.said, self.note.text().strip()))

    def refresh(self) -> None:
        """Show the run's present verdicts."""
        verdicts = {} if self._run is None else dict(sorted(self._run.verdicts.items()))
        self.table.fill(
            [
                (str(number), f"{MARKS[verdict.said][2]} {verdict.said}".strip(), verdict.note)
                for number, verdict in verdicts.items()
            ],
            [MARKS[verdict.said][0] for verdict in verdicts.values()],
        )
        # The file holds the figures too, which are ready a moment after the run.
        self.save_button.setEnabled(bool(verdicts) and self._figures is not None)
        self._show_verdict()

    def save(self, path: Path) -> None:
        """Write the verdicts of the run that is shown as CSV."""
        if self._run is None:
            return
        figures = self._figures
        names = [] if figures is None else list(figures.values)
        columns = {figures.column(name): figures.values[name] for name in names} if figures else {}
        text = verdicts_to_csv(self._run.name, self._run.verdicts, columns)
        try:
            # With a byte order mark: without it, spreadsheets do not read UTF-8.
            write_text(path, text, "utf-8-sig")
        except SegadvError as error:
            self.refused.emit(str(error))
            return
        tell(f"verdicts saved as {path}")

    @property
    def _verdict(self) -> Verdict:
        if self._run is None or self._number is None:
            return Verdict()
        return self._run.verdicts.get(self._number, Verdict())

    def _show_verdict(self) -> None:
        for name, button in self.buttons.items():
            button.setChecked(self._verdict.said == name)
            button.setEnabled(self._number is not None)
        self.note.setEnabled(self._number is not None)
        if self.note.text() != self._verdict.note and not self.note.isModified():
            self.note.setText(self._verdict.note)

    def _judge(self, verdict: Verdict) -> None:
        if self._run is not None and self._number is not None:
            self.note.setModified(False)
            self._runs.judge(self._run, self._number, verdict)

    def _clicked(self, row: int) -> None:
        self.goes.emit(int(self.table.item(row, 0).text()))

    def _ask_where(self) -> None:
        self.keep_note()
        if self._run is None:
            self.refused.emit("no run is shown")
            return
        path = pick_table(self, "Save the verdicts", f"{self._run.name} verdicts")
        if path is not None:
            self.save(path)
