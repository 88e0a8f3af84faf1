"""The part of the Runs panel that writes the report of a run, and opens it in the browser."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from ...errors import SegadvError
from ..controller.controller import Controller
from ..controller.runner import Poll
from ..controller.runs import Run
from ..notices import offer
from ..widgets.dialogs import pick_page
from ..widgets.layout import set_tips


class ReportSection(QWidget):
    """Two buttons: one writes the report of the chosen run, one opens what was written last.

    Signals:
        wanted: the first was clicked.
        said: one line on what was done.
        refused: one line on what could not be done.
    """

    wanted = Signal()
    said = Signal(str)
    refused = Signal(str)

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self.controller = controller
        self.written: Path | None = None
        self._dropped = False
        self.button, self.open_button = QPushButton("Report …"), QPushButton("Open report")
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.button)
        line.addWidget(self.open_button)
        self.open_button.hide()
        self.button.clicked.connect(self.wanted)
        self.open_button.clicked.connect(self.open)
        set_tips(
            {
                self.button: "Writes a web page about the chosen run that opens without a network: "
                "pictures in every window, figures and what they mean, verdicts, and how to make "
                "the image again. It names no patient. Printed, it is a PDF",
                self.open_button: "Opens the report that was written last, in the browser",
            }
        )

    def set_enabled(self, enabled: bool) -> None:
        """Allow or forbid to write a report; one that is written can always be opened."""
        self.button.setEnabled(enabled)

    def drop(self) -> None:
        """Say nothing more: the panel is gone. A report that is being written still is."""
        self._dropped = True

    def ask(self, run: Run) -> None:
        """Ask where to write the report of a run, and write it."""
        path = pick_page(self, "Write the report of the run", f"{run.name} report")
        if path is None:
            return
        try:
            self.write(run, path)
        except SegadvError as error:
            self.refused.emit(str(error))

    def write(self, run: Run, path: Path) -> None:
        """Write the report of a run; ends in `said` or `refused`.

        Args:
            run: the run.
            path: of the page; what is there is replaced.

        Raises:
            SegadvError: if another job is running.
        """
        example, verdicts = run.example, dict(run.verdicts)

        def work(poll: Poll) -> Path | str:
            from ...results.report import report

            try:
                return report(example, path, verdicts=verdicts, overwrite=True, poll=poll)
            except SegadvError as error:
                # As a value: other panels would show a failed job, too.
                return str(error)

        def done(found: Path | str) -> None:
            if self._dropped:
                return
            if isinstance(found, str):
                self.refused.emit(found)
                return
            self.written = found
            self.open_button.show()
            self.said.emit(f"report of {run.name}: {found.name}")
            self._offer()

        self.controller.jobs.start(f"writing the report of {run.name}", work, done)

    def open(self) -> None:
        """Open the report that was written last, as the system opens web pages."""
        if self.written is None:
            return
        address = QUrl.fromLocalFile(str(self.written.absolute()))
        if not self.written.is_file() or not QDesktopServices.openUrl(address):
            self.refused.emit(f"{self.written}: can't be opened; open it in a browser yourself")

    def _offer(self) -> None:
        """Show a message with a button that opens the report."""

        def act(*_: Any) -> None:
            if not self._dropped:
                self.open()

        offer("The report is written.", "Open", act)
