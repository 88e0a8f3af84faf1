"""The dock widget "Runs": the history of a session's runs, and sessions on disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from qtpy.QtWidgets import QComboBox, QPushButton, QVBoxLayout, QWidget

from ...io.output import is_dicom
from ...results.tables import compared
from ..controller.runs import Run
from ..notices import tell, warn
from ..widgets.dialogs import ask_delete, pick_new_folder
from ..widgets.docking import open_panel
from ..widgets.keys import Key
from ..widgets.layout import group, in_rows, set_tips, stack
from ..widgets.panel import Panel
from ..widgets.plain import Plain
from ..widgets.tabs import Tab
from .list import RunsList
from .report_section import ReportSection
from .session_section import SessionSection
from .sessions import Sessions
from .table import RunsTable

TITLE = "Runs"
KEYS = (
    Key("Shift-R", "show the next run of the list", "show_next"),
    Key("Alt-R", "show the previous run of the list", "show_previous"),
)
COMPARE = "Compare"
# How a run of a DICOM image is saved, and whether its files name the patient.
SAVE_AS = {
    "as it was made": None,
    "DICOM": ("dicom", False),
    "DICOM without identifiers": ("dicom", True),
    "NIfTI": ("nifti", False),
}
EMPTY = "no runs yet; run an attack, or open a session"


class RunsPanel(Panel):
    """The panel. It shows the runs of the viewer's Controller and forwards clicks to it."""

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(napari_viewer)
        self.sessions = Sessions(self.controller)
        self.table: RunsTable | None = None
        self._last = ""
        self.list = RunsList()
        self.show_button, self.compare_button = QPushButton("Show"), QPushButton("Compare")
        self.rename_button, self.delete_button = QPushButton("Rename"), QPushButton("Delete")
        self.save_button = QPushButton("Save …")
        self.save_label, self.save_as = Plain("Save as"), QComboBox()
        self.save_as.addItems(list(SAVE_AS))
        self.report = ReportSection(self.controller)
        self.files = SessionSection(self.sessions)
        self._lay_out()
        self._connect()
        self._fill()

    def _lay_out(self) -> None:
        runs = QWidget()
        column = QVBoxLayout(runs)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.list, stretch=1)
        first = (self.show_button, self.compare_button, self.rename_button)
        column.addLayout(in_rows([first, (self.delete_button, self.save_button)]))
        column.addLayout(in_rows([(self.save_label, self.save_as)]))
        column.addWidget(self.report)
        stack(self, [group("Runs of the session", [runs]), group("Files", [self.files])], [])
        self.layout().addWidget(self.status)
        set_tips(
            {
                self.show_button: "Shows the chosen run's layers beside its image (Enter or a "
                "double click; Shift-R and Alt-R show the next and the previous run)",
                self.compare_button: "One run: shows it and opens the Compare panel. Several: "
                "compares their parameters and figures in a table",
                self.rename_button: "Edits the name of the chosen run in the list (F2)",
                self.delete_button: "Removes the chosen runs from the list, and the layers of the "
                "shown one (Delete). Asks first if something would be lost",
                self.save_button: "Writes the chosen run with its verdicts into a new folder",
                self.save_as: "How the adversarial image of a DICOM series is saved. Without "
                "identifiers: the patient's names, dates and numbers are removed by the standard's "
                "basic profile; look whether the pixels name the patient",
                self.status: "What the panel did last",
            }
        )

    def _connect(self) -> None:
        self.list.wanted.connect(self._show)
        self.list.renamed.connect(self._renamed)
        self.list.deleted.connect(self.delete)
        self.list.itemSelectionChanged.connect(self._enable)
        self.show_button.clicked.connect(lambda: self._with_one(self._show))
        self.compare_button.clicked.connect(self.compare)
        self.rename_button.clicked.connect(lambda: self._with_one(self.list.rename))
        self.delete_button.clicked.connect(self.delete)
        self.save_button.clicked.connect(lambda: self._with_one(self._ask_run))
        self.report.wanted.connect(lambda: self._with_one(self.report.ask))
        self.report.said.connect(self._reported)
        self.report.refused.connect(self.failed)
        self.files.refused.connect(self.failed)
        controller, runs = self.controller, self.controller.runs
        self.listen(
            {
                runs.changed: self._fill,
                runs.chosen: self._fill,
                runs.judged: self._fill,
                controller.jobs.busy_changed: self._busy_changed,
                controller.jobs.failed: self.say,
                controller.jobs.trust_asked: self.asked,
                self.sessions.said: self._said,
                self.sessions.warned: self._warned,
                self.sessions.failed: self.failed,
            }
        )
        self.bind(KEYS)
        self.at_leaving(self.sessions.drop)
        self.at_leaving(self.report.drop)

    def show_next(self) -> None:
        """Show the run after the one that is shown."""
        self._step(1)

    def show_previous(self) -> None:
        """Show the run before the one that is shown."""
        self._step(-1)

    def compare(self) -> None:
        """Show one run in the Compare panel, or several in a table."""
        chosen = self.list.chosen
        if len(chosen) == 1:
            self._show(chosen[0])
            open_panel(self.viewer, COMPARE)
        elif chosen:
            rows = compared([run.name for run in chosen], [run.example for run in chosen])
            self.table = RunsTable(rows, self.window())
            self.table.show()

    def delete(self) -> None:
        """Remove the chosen runs from the list; ask first if something would be lost."""
        chosen = self.list.chosen
        unsaved = any(not run.saved for run in chosen)
        judged = any(run.verdicts for run in chosen)
        if unsaved or judged:
            lost = "What is not saved will be lost" if unsaved else "Everything is saved in folders"
            lost += "; verdicts on slices are deleted too." if judged else "."
            if not ask_delete(self, [run.name for run in chosen], lost):
                return
        for run in chosen:
            self.attempt(self.controller.delete_run, run)

    def _show(self, run: Run) -> None:
        if run is not self.controller.runs.current or not self._still_shown(run):
            self.attempt(self.controller.show_run, run)

    def _still_shown(self, run: Run) -> bool:
        """Return whether no layer of a run was removed or renamed since it was shown."""
        from ..layers.names import ADVERSARIAL, AFTER, CLEAN, NOISE

        image, shown = run.image, self.controller.shown
        numbers = range(max(1, len(run.channels)))
        names = [run.role(role, n) for role in (ADVERSARIAL, NOISE) for n in numbers]
        there = all(self.controller.clean_of(run, n) is not None for n in numbers)
        return there and all(shown(name, image) for name in (*names, CLEAN, AFTER))

    def _step(self, by: int) -> None:
        runs, current = list(self.controller.runs), self.controller.runs.current
        if not runs:
            self.say(EMPTY)
            return
        at = runs.index(current) + by if current in runs else (0 if by > 0 else len(runs) - 1)
        if not 0 <= at < len(runs):
            self.say("this is the last run" if by > 0 else "this is the first run")
            return
        self.list.choose(runs[at])
        self._show(runs[at])

    def _with_one(self, action: Callable[[Run], Any]) -> None:
        chosen = self.list.chosen
        if len(chosen) == 1:
            action(chosen[0])

    def _renamed(self, run: Run, name: str) -> None:
        self.controller.runs.rename(run, name)

    def _fill(self, changed: Any = None) -> None:
        """Show the present runs."""
        runs = list(self.controller.runs)
        self.list.fill(runs, self.controller.runs.current)
        if not runs:
            self.say(EMPTY)
        elif self.status.text() == EMPTY:
            self.say("")

    def _enable(self) -> None:
        chosen, idle = len(self.list.chosen), not self.controller.jobs.busy
        self.show_button.setEnabled(chosen == 1 and idle)
        self.compare_button.setEnabled(chosen > 1 or (chosen == 1 and idle))
        self.rename_button.setEnabled(chosen == 1)
        self.delete_button.setEnabled(chosen > 0)
        self.save_button.setEnabled(chosen == 1 and idle)
        self.report.set_enabled(chosen == 1 and idle)
        dicom = chosen == 1 and is_dicom(self.list.chosen[0].example.clean)
        self.save_label.setVisible(dicom)
        self.save_as.setVisible(dicom)
        self.files.set_enabled(idle)

    def _busy_changed(self, title: str) -> None:
        self._enable()
        self.say_busy(title, self._last)

    def _ask_run(self, run: Run) -> None:
        path = pick_new_folder(self, "Save the run in a new folder", run.name)
        if path:
            choice = SAVE_AS[self.save_as.currentText()] if is_dicom(run.example.clean) else None
            self.attempt(self.sessions.save_run, run, Path(path), choice)

    def attempt(self, action: Callable[..., Any], *arguments: Any) -> None:
        self._last = ""
        super().attempt(action, *arguments)

    def _reported(self, message: str) -> None:
        self._last = message
        self.say(message)

    def _said(self, message: str) -> None:
        # More jobs may follow, which show the run and load the victim.
        self._last = message
        self._fill()
        self.say(message)
        tell(message)

    def _warned(self, message: str) -> None:
        self._last = message
        self.say(message)
        warn(message)


TAB = Tab("Runs", 5, RunsPanel)
