"""The dock widget "Reading test": whether readers tell clean from adversarial images."""

from pathlib import Path
from typing import Any

import napari
from magicgui.widgets import CheckBox, SpinBox
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QListWidget,
    QPushButton,
)

from ...errors import SegadvError
from ...measures.reading_test import ALONE, PAIR, Reading, save
from ..controller.runner import Poll
from ..controller.runs import Run
from ..notices import tell
from ..widgets.choices import ComboBox
from ..widgets.dialogs import pick_table
from ..widgets.layout import group, set_tips, stack
from ..widgets.panel import Panel
from ..widgets.plain import Plain, entry
from ..widgets.settings import settings
from ..widgets.tabs import Tab
from .canvas import Stimulus, stimulus
from .window import KEYS, ReadingWindow

TITLE = "Reading test"
__all__ = ["KEYS", "TAB", "TITLE", "ReadingPanel"]


class ReadingPanel(Panel):
    """Chooses runs and shows the result; the test itself runs in its own window.

    Its keys belong to that window alone, so none is bound to the viewer.
    """

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(napari_viewer)
        self.reading: Reading | None = None
        self.test: ReadingWindow | None = None
        self.runs = QListWidget()
        self.mode: Any = ComboBox(choices=[ALONE, PAIR])
        self.seed: Any = SpinBox(value=settings().seed, min=0, max=2**31 - 1)
        self.at_change: Any = CheckBox(text="start in the slice that changed most")
        self.start_button, self.export_button = QPushButton("Start"), QPushButton("Export CSV …")
        self.result = Plain("no test yet", wrap=True)
        self._shown: list[Run] = []
        self._before: Reading | None = None
        self._lay_out()
        self._connect()
        self._offer_runs()
        self._update()

    def _lay_out(self) -> None:
        self.result.setTextInteractionFlags(Qt.TextSelectableByMouse)
        chosen = group("Runs", [self.runs])
        how = group("Test", [("show", self.mode), ("seed", self.seed), self.at_change])
        outcome = group("Result", [self.result])
        stack(self, [chosen, how, outcome], [[self.start_button, self.export_button], self.status])
        set_tips(
            {
                self.runs: "The runs whose clean and adversarial images are shown",
                self.mode: "One at a time: is it altered? Each run's two images once, shuffled.\n"
                "Side by side: which one is altered? Each run once.",
                self.seed: "The same seed and runs give the same order; take a new seed for each "
                "reader",
                self.at_change: "For volumes; hints at where to look. Off: start in the "
                "middle slice",
                self.start_button: "Opens the test in its own window and covers all others",
                self.export_button: "Writes a line per answer, and the result in a second file",
                self.result: "Share of right answers, its exact 95 % interval "
                "(Clopper-Pearson), and d' in standard deviations (log-linear correction)",
                self.status: "What to do next",
            }
        )

    def _connect(self) -> None:
        self.runs.itemChanged.connect(self._update)
        self.start_button.clicked.connect(self._prepare)
        self.export_button.clicked.connect(self._choose_file)
        self.listen(
            {
                self.controller.runs.changed: self._offer_runs,
                self.controller.jobs.busy_changed: self._update,
                self.controller.jobs.failed: self.say,
            }
        )

    @property
    def chosen(self) -> list[Run]:
        """The ticked runs, in the order of the list."""
        rows = range(self.runs.count())
        ticked = [self.runs.item(row).checkState() == Qt.Checked for row in rows]
        return [run for run, tick in zip(self._shown, ticked, strict=True) if tick]

    def _offer_runs(self) -> None:
        """List the present runs: new ones are ticked, earlier ones stay as the user left them."""
        unticked = [run for run in self._shown if run not in self.chosen]
        self.runs.blockSignals(True)
        self.runs.clear()
        self._shown = list(self.controller.runs)
        for run in self._shown:
            item = entry(run.name, self.runs)
            item.setFlags(Qt.ItemIsEnabled | Qt.ItemIsUserCheckable)
            item.setCheckState(Qt.Unchecked if run in unticked else Qt.Checked)
        self.runs.blockSignals(False)
        self._update()

    def _update(self, *_: Any) -> None:
        runs, busy = len(self.chosen), self.controller.jobs.busy
        self.start_button.setEnabled(bool(runs) and not busy)
        self.export_button.setEnabled(self.reading is not None and bool(self.reading.answers))
        if not runs:
            self.status.setText("run attacks first; then tick their results here")
        else:
            self.status.setText(f"{busy} …" if busy else f"ready: {runs} run{'s' * (runs > 1)}")

    def _prepare(self) -> None:
        """Prepare the images off the main thread, then open the test."""
        runs, at_change = self.chosen, bool(self.at_change.value)
        names = [name_of(run) for run in runs]
        shown = [run.seen for run in runs]
        same = [n for n, e in zip(names, shown, strict=True) if not e.measures["linf"]]
        if same:
            self.failed(f"{', '.join(same)}: both images are the same; remove the tick")
            return
        reading = Reading(names, self.mode.value, self.seed.value)

        def work(poll: Poll) -> list[Stimulus]:
            return [stimulus(example, at_change) for example in shown]

        def done(stimuli: list[Stimulus]) -> None:
            self._begin(reading, stimuli)

        ways = {"can_cancel": False, "wanted": False}
        jobs, title = self.controller.jobs, "preparing the reading test"
        self.attempt(lambda: jobs.start(title, work, done, **ways))

    def _begin(self, reading: Reading, stimuli: list[Stimulus]) -> None:
        if self.left:
            return
        self._before, self.reading = self.reading, reading
        self.test = ReadingWindow(self.window(), reading, stimuli, self.viewer.theme)
        self.test.finished.connect(self._ended)
        self.test.start()

    def _ended(self, code: int) -> None:
        """Show the result, also of a test that was stopped."""
        if self.test is not None:
            self.test.deleteLater()
            self.test = None
        if self.reading is None:
            return
        if not self.reading.answers and self._before is not None:
            # Keep the result of the test before.
            self.reading = self._before
            self._update()
            self.say("stopped before the first answer; the earlier result stays")
            return
        answered, trials = len(self.reading.answers), len(self.reading.trials)
        lines = list(self.reading.score.lines)
        if answered < trials:
            lines.insert(0, f"stopped after {answered} of {trials}")
        self.result.setText("\n".join(lines))
        self._update()

    def _choose_file(self) -> None:
        number = self.reading.seed if self.reading else 0
        path = pick_table(self, "Export the answers", f"reading-{number}")
        if path is not None:
            self.export(path)

    def export(self, path: Path) -> None:
        """Write the answers and, beside them, the result."""
        if self.reading is None:
            return
        try:
            trials, summary = save(self.reading, path)
        except SegadvError as error:
            self.failed(str(error))
            return
        tell(f"saved {trials} and {summary.name}")


def name_of(run: Run) -> str:
    """Return what a run is called in the answers: with the channel that is shown of several.

    Its number, not its name: that may be the name of a file.
    """
    count = len(run.channels)
    return f"{run.name} (channel {run.channel + 1} of {count})" if count else run.name


TAB = Tab("Reading test", 6, ReadingPanel)
