"""One job at a time, with its signals: what every action of the controller runs in."""

from collections.abc import Callable, Iterator
from typing import Any

from psygnal import Signal

from ...errors import SegadvError
from .runner import Ended, Runner, Snapshot, Work


class Jobs:
    """Runs jobs off the main thread and signals how they go.

    Signals, all on the main thread:
        busy_changed: title of the running job, "" when idle.
        progressed: a Snapshot of a running attack.
        failed: a message for the user, in one line.
        trust_asked: a NeedsTrust; to agree, load again with its hash.
        stopped: after a cancel.

    Attributes:
        can_cancel: whether the running job can be stopped.
        latest: the last Snapshot of the running job, for panels that are opened meanwhile.
    """

    busy_changed = Signal(str)
    progressed = Signal(Snapshot)
    failed = Signal(str)
    trust_asked = Signal(object)
    stopped = Signal()

    def __init__(self, runner: Runner | None = None) -> None:
        self.can_cancel = False
        self.latest: Snapshot | None = None
        self._runner = runner or _qt_runner()
        self._busy = ""

    @property
    def busy(self) -> str:
        """Title of the running job, "" when idle."""
        return self._busy

    def cancel(self) -> None:
        """Stop the running job within a step."""
        self._runner.cancel()

    def start(
        self, title: str, work: Work, done: Callable[[Any], None], can_cancel: bool = True
    ) -> None:
        """Start a job.

        Args:
            title: of the job, for `busy`.
            work: computes, in another thread.
            done: gets what `work` returned, on the main thread.
            can_cancel: whether the job can be stopped.

        Raises:
            SegadvError: if another job is running.
        """
        self._refuse_two()

        def ended(how: Ended) -> None:
            if not (how.stopped or how.needs_trust or how.error is not None):
                # `done` may start another job: idle is signalled only if it does not.
                self._busy = ""
                try:
                    done(how.value)
                finally:
                    if not self._busy:
                        self._set_busy("")
                return
            self._set_busy("")
            if how.stopped:
                self.stopped.emit()
            elif how.needs_trust is not None:
                self.trust_asked.emit(how.needs_trust)
            elif how.error is not None:
                self.failed.emit(how.error)

        self.can_cancel, self.latest = can_cancel, None
        self._set_busy(title)
        self._runner.start(work, self._progressed, ended)

    def _progressed(self, now: Snapshot) -> None:
        self.latest = now
        self.progressed.emit(now)

    def unfold(
        self, title: str, pieces: Iterator[None], done: Callable[[], None] = lambda: None
    ) -> None:
        """Do work on the main thread in pieces; the window handles its events between them.

        Args:
            title: of the job, for `busy`.
            pieces: does one piece at each step.
            done: called at the end.

        Raises:
            SegadvError: if a job is running.
        """
        self._refuse_two()

        def piece() -> None:
            try:
                next(pieces)
            except StopIteration:
                self._set_busy("")
                done()
            except BaseException:
                self._set_busy("")
                raise
            else:
                self._runner.soon(piece)

        self.can_cancel, self.latest = False, None
        self._set_busy(title)
        piece()

    def soon(self, call: Callable[[], None]) -> None:
        """Call something on the main thread once the window has handled its pending events."""
        self._runner.soon(call)

    def _refuse_two(self) -> None:
        if self._busy:
            raise SegadvError(f"still {self._busy}; wait for it or cancel it")

    def _set_busy(self, title: str) -> None:
        self._busy = title
        self.busy_changed.emit(title)


def _qt_runner() -> Runner:
    # Imported late: with another runner a controller needs no Qt.
    from .qt_runner import QtRunner

    return QtRunner()
