"""One job at a time, with its signals: what every action of the controller runs in."""

from collections.abc import Callable, Iterator
from typing import Any

from psygnal import Signal

from ...errors import SegadvError
from .runner import Ended, Runner, Snapshot, Work


class Jobs:
    """Runs jobs off the main thread and says how they go.

    Signals, all on the main thread:
        busy_changed: what is going on, "" when idle.
        progressed: a Snapshot of a running attack.
        failed: a line for the user.
        trust_asked: a NeedsTrust; answer by loading again with its hash.
        stopped: after a cancel.
    """

    busy_changed = Signal(str)
    progressed = Signal(Snapshot)
    failed = Signal(str)
    trust_asked = Signal(object)
    stopped = Signal()

    def __init__(self, runner: Runner | None = None) -> None:
        self.can_cancel = False
        self._runner = runner or _qt_runner()
        self._busy = ""

    @property
    def busy(self) -> str:
        """What is going on, "" when idle."""
        return self._busy

    def cancel(self) -> None:
        """Stops the running job within a step."""
        self._runner.cancel()

    def start(
        self, title: str, work: Work, done: Callable[[Any], None], can_cancel: bool = True
    ) -> None:
        """Starts a job.

        Args:
            title: what `busy` says meanwhile.
            work: computes, in a thread of its own.
            done: gets what it returned, on the main thread.
            can_cancel: whether it can be stopped.

        Raises:
            SegadvError: while another job is running.
        """
        self._refuse_two()

        def ended(how: Ended) -> None:
            if not (how.stopped or how.needs_trust or how.error is not None):
                # It may go on with more: nobody hears that all is idle before that is known.
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

        self.can_cancel = can_cancel
        self._set_busy(title)
        self._runner.start(work, self.progressed.emit, ended)

    def unfold(
        self, title: str, pieces: Iterator[None], done: Callable[[], None] = lambda: None
    ) -> None:
        """Does work that belongs to the main thread in pieces; the window goes on between them.

        Args:
            title: what `busy` says meanwhile.
            pieces: does one piece each time it is asked.
            done: called at the end.

        Raises:
            SegadvError: while a job is running.
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

        self.can_cancel = False
        self._set_busy(title)
        piece()

    def soon(self, call: Callable[[], None]) -> None:
        """Calls on the main thread once the window has handled what waits for it."""
        self._runner.soon(call)

    def _refuse_two(self) -> None:
        if self._busy:
            raise SegadvError(f"still {self._busy}; wait for it or cancel it")

    def _set_busy(self, title: str) -> None:
        self._busy = title
        self.busy_changed.emit(title)


def _qt_runner() -> Runner:
    # Only where there is a window: without one a controller needs no Qt.
    from .qt_runner import QtRunner

    return QtRunner()
