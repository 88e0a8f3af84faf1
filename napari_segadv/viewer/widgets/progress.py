"""What runs, how far it has come and what waits, with the button that stops it."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from ..controller.controller import Controller
from ..controller.pace import in_words
from ..controller.runner import Snapshot
from .layout import set_tips
from .plain import Plain

MEASURING = "measuring the result"
IDLE, CANCELLED = "nothing is running", "cancelled; nothing was changed"
# Titles of waiting jobs that are listed, and lines of the text.
LISTED, LINES = 3, 2


def progress_text(now: Snapshot, targeted: bool) -> str:
    """Say how far an attack has come, and how long it will still take.

    The share is rounded down, since it must not read better than it is.
    """
    reached = math.floor(100 * now.success + 1e-9)
    toward = "of the target reached" if targeted else "away from the clean prediction"
    left = "" if now.left is None else f", {in_words(now.left)} left"
    if now.step == now.steps:
        left = f", {MEASURING}"
    return f"Step {now.step} of {now.steps}, {reached} % {toward}{left}"


def waiting_text(titles: Sequence[str]) -> str:
    """List the jobs that wait, the next one first; "" if none does."""
    if not titles:
        return ""
    more = len(titles) - LISTED
    listed = [*titles[:LISTED], *([f"{more} more"] if more > 0 else [])]
    return f"then: {', '.join(listed)}"


class ProgressStrip(QWidget):
    """A line on the running job, its progress bar and Cancel, and the jobs that wait.

    Who shows it connects `slots`. A strip that is made while a job runs shows that job.

    Attributes:
        text, bar, cancel_button, waiting, forget_button: its parts.
    """

    def __init__(self, controller: Controller, ended: Callable[[Any], str] = lambda _: "") -> None:
        """Show the present state.

        Args:
            controller: whose jobs are shown.
            ended: says in a few words how an attack ended, from its Example; "" for nothing.
        """
        super().__init__()
        self._jobs, self._controller, self._ended = controller.jobs, controller, ended
        self._idle, self._quiet = IDLE, False
        self.text, self.waiting = Plain(wrap=True), Plain(wrap=True)
        self.bar, self.cancel_button = QProgressBar(), QPushButton("Cancel")
        self.forget_button = QPushButton("Remove")
        self.text.setAlignment(Qt.AlignLeft | Qt.AlignBottom)
        line = QHBoxLayout()
        line.addWidget(self.bar, stretch=1)
        line.addWidget(self.cancel_button)
        below = QHBoxLayout()
        below.addWidget(self.waiting, stretch=1)
        below.addWidget(self.forget_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.text)
        column.addLayout(line)
        column.addLayout(below)
        self.cancel_button.clicked.connect(self._jobs.cancel)
        self.forget_button.clicked.connect(self._jobs.cancel_waiting)
        set_tips(
            {
                self.text: "What runs now. The time left is that of all steps: an attack that "
                "reaches its goal ends sooner",
                self.bar: "The share of the steps that is done",
                self.cancel_button: "Stops what runs, an attack within a step; nothing is changed",
                self.waiting: "What runs next, one after the other",
                self.forget_button: "Takes back what waits; what runs goes on",
            }
        )
        self._show(self._jobs.busy)
        if self._jobs.busy and self._jobs.latest is not None:
            self._progressed(self._jobs.latest)

    @property
    def slots(self) -> dict[Any, Callable[..., Any]]:
        """The slots by signal, as `Panel.listen` takes them."""
        return {
            self._jobs.busy_changed: self._show,
            self._jobs.waiting_changed: self._show_waiting,
            self._jobs.progressed: self._progressed,
            self._jobs.failed: self._failed,
            self._jobs.stopped: self._stopped,
            self._controller.finished: self._finished,
        }

    def set_quiet(self, quiet: bool) -> None:
        """Say nothing of how an attack ended while a panel is in view that says more of it."""
        self._quiet = quiet
        self._rest()

    def _rest(self) -> None:
        if self._jobs.busy:
            return
        self.text.setText(IDLE if self._quiet else self._idle)
        # The bar says it then, so that the line takes no room.
        self.text.setVisible(self.text.text() != IDLE)

    def _show(self, title: str) -> None:
        idle = not title
        self.cancel_button.setEnabled(not idle and self._jobs.can_cancel)
        # Without a range, the bar moves to and fro.
        self.bar.setRange(0, 1 if idle else 0)
        self.bar.setValue(0)
        self.bar.setFormat(IDLE if idle else "%p%")
        self.text.setVisible(not idle)
        if title:
            self._idle = IDLE
            self.text.setText(f"{title} …")
        self._rest()
        self._show_waiting()

    def _show_waiting(self, titles: Any = None) -> None:
        text = waiting_text(self._jobs.waiting)
        self.waiting.setText(text)
        for widget in (self.waiting, self.forget_button):
            widget.setVisible(bool(text))

    def _progressed(self, now: Snapshot) -> None:
        self.bar.setRange(0, now.steps)
        self.bar.setValue(now.step)
        self.text.setText(progress_text(now, self._controller.targeted))

    def _failed(self, message: str) -> None:
        self._say("stopped by an error")

    def _stopped(self) -> None:
        self._say(CANCELLED)

    def _finished(self, example: Any) -> None:
        self._say(self._ended(example))

    def _say(self, message: str) -> None:
        """Show how a job ended, until the next one starts."""
        self._idle = message or IDLE
        self._rest()
