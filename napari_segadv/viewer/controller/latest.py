"""Computes for a panel beside the controller's job: only the newest request is answered."""

from collections.abc import Callable
from typing import Any

from psygnal import Signal

from .jobs import Jobs
from .runner import Runner, Snapshot, Work


class Latest:
    """Runs the last request off the main thread; attacks go on meanwhile.

    Signals, all on the main thread:
        progressed: a Snapshot.
        failed: a message for the user, in one line.
    """

    progressed = Signal(Snapshot)
    failed = Signal(str)

    def __init__(self, runner: Runner | None = None) -> None:
        self._jobs = Jobs(runner)
        self._asked: object = None
        self._done: Callable[[Any], None] | None = None
        self._next: tuple[Work, Callable[[Any], None]] | None = None
        self._jobs.progressed.connect(self.progressed.emit)
        self._jobs.failed.connect(self.failed.emit)
        self._jobs.busy_changed.connect(self._go_on)

    @property
    def busy(self) -> bool:
        """Whether anything is being computed."""
        return bool(self._jobs.busy)

    def ask(self, work: Work, done: Callable[[Any], None]) -> None:
        """Compute something, in place of what is being computed.

        Args:
            work: as `Jobs.start` takes it.
            done: gets what `work` returned, unless there was a newer request meanwhile.
        """
        asked = self._asked = object()
        self._done = done

        def answered(value: Any) -> None:
            # Only this object holds `done`, which may hold volumes: the runner keeps its last job.
            if asked is self._asked and self._done is not None:
                done, self._done = self._done, None
                done(value)

        self._next = (work, answered)
        if self.busy:
            self._jobs.cancel()
        else:
            self._go_on("")

    def drop(self) -> None:
        """Stop computing; the last request stays unanswered."""
        self._asked = self._done = self._next = None
        self._jobs.cancel()

    def _go_on(self, busy: str) -> None:
        if not busy and self._next is not None:
            (work, answered), self._next = self._next, None
            self._jobs.start("computing", work, answered)
