"""One job at a time, with its signals: what every action of the controller runs in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from psygnal import Signal

from ...common.wording import counted
from ...errors import SegadvError
from .runner import Ended, Runner, Snapshot, Work


@dataclass(frozen=True)
class Waiting:
    """A job that waits for its turn.

    Attributes:
        title: of the job.
        begin: begins it.
        wanted: whether the user would lose something without it.
    """

    title: str
    begin: Callable[[], None]
    wanted: bool


class Jobs:
    """Runs jobs off the main thread, one after the other, and signals how they go.

    Signals, all on the main thread:
        busy_changed: title of the running job, "" when idle.
        waiting_changed: titles of the jobs that wait for their turn.
        progressed: a Snapshot of a running attack.
        failed: a message for the user, in one line.
        trust_asked: a NeedsTrust; to agree, load again with its hash.
        stopped: after a cancel.

    Attributes:
        can_cancel: whether the running job can be stopped.
        latest: the last Snapshot of the running job, for panels that are opened meanwhile.
        open: returns whether there is still somebody to work for; jobs that wait begin only then.
    """

    busy_changed = Signal(str)
    waiting_changed = Signal(object)
    progressed = Signal(Snapshot)
    failed = Signal(str)
    trust_asked = Signal(object)
    stopped = Signal()

    def __init__(self, runner: Runner | None = None) -> None:
        self.can_cancel = False
        self.latest: Snapshot | None = None
        self.open: Callable[[], bool] = lambda: True
        self._runner = runner or _qt_runner()
        self._busy, self._wanted = "", False
        self._queue: list[Waiting] = []

    @property
    def busy(self) -> str:
        """Title of the running job, "" when idle."""
        return self._busy

    @property
    def waiting(self) -> list[str]:
        """Titles of the jobs that wait, the next one first."""
        return [one.title for one in self._queue]

    @property
    def unfinished(self) -> str:
        """What a user would lose if all ended now, in a few words; "" for nothing."""
        running = self._busy if self._busy and self._wanted else ""
        waiting = sum(one.wanted for one in self._queue)
        parts = [running, f"{counted(waiting, 'job')} waiting" if waiting else ""]
        return " and ".join(filter(None, parts))

    def cancel(self) -> None:
        """Stop the running job within a step; the next one that waits begins."""
        self._runner.cancel()

    def cancel_waiting(self) -> None:
        """Forget the jobs that wait."""
        if self._queue:
            self._queue.clear()
            self.waiting_changed.emit([])

    def start(
        self,
        title: str,
        work: Work,
        done: Callable[[Any], None],
        can_cancel: bool = True,
        wanted: bool = True,
    ) -> None:
        """Start a job, or let it wait until those before it have ended.

        Args:
            title: of the job, for `busy`.
            work: computes, in another thread.
            done: gets what `work` returned, on the main thread.
            can_cancel: whether the job can be stopped.
            wanted: whether a user who closes the window would lose something without it.
        """

        def begin() -> None:
            self.can_cancel, self.latest, self._wanted = can_cancel, None, wanted
            self._set_busy(title)
            self._runner.start(work, self._progressed, lambda how: self._ended(how, done))

        if self._busy:
            self._queue.append(Waiting(title, begin, wanted))
            self.waiting_changed.emit(self.waiting)
        else:
            begin()

    def _ended(self, how: Ended, done: Callable[[Any], None]) -> None:
        if not (how.stopped or how.needs_trust or how.error is not None):
            # `done` may start another job: idle is signalled only if it does not.
            self._busy = ""
            try:
                done(how.value)
            finally:
                if not self._busy:
                    self._set_busy("")
                    self._go_on()
            return
        self._set_busy("")
        if how.stopped:
            self.stopped.emit()
        elif how.needs_trust is not None:
            self.trust_asked.emit(how.needs_trust)
        elif how.error is not None:
            self.failed.emit(how.error)
        self._go_on()

    def _progressed(self, now: Snapshot) -> None:
        self.latest = now
        self.progressed.emit(now)

    def _go_on(self) -> None:
        """Begin the next job that waits, unless a listener has started one."""
        if not self.open():
            self._queue.clear()
        elif self._queue and not self._busy:
            waiting = self._queue.pop(0)
            self.waiting_changed.emit(self.waiting)
            waiting.begin()

    def unfold(
        self,
        title: str,
        pieces: Iterator[None],
        done: Callable[[], None] = lambda: None,
        wanted: bool = False,
    ) -> None:
        """Do work on the main thread in pieces; the window handles its events between them.

        Args:
            title: of the job, for `busy`.
            pieces: does one piece at each step.
            done: called at the end.
            wanted: whether a user who closes the window would lose something without it.

        Raises:
            SegadvError: if a job is running.
        """
        if self._busy:
            raise SegadvError(f"still {self._busy}; wait for it or cancel it")

        def piece() -> None:
            try:
                next(pieces)
            except StopIteration:
                self._set_busy("")
                try:
                    done()
                finally:
                    self._go_on()
            except SegadvError as error:
                self._set_busy("")
                self.failed.emit(str(error))
                self._go_on()
            except BaseException:
                self._set_busy("")
                self._go_on()
                raise
            else:
                self._runner.soon(piece)

        self.can_cancel, self.latest, self._wanted = False, None, wanted
        self._set_busy(title)
        piece()

    def soon(self, call: Callable[[], None]) -> None:
        """Call something on the main thread once the window has handled its pending events."""
        self._runner.soon(call)

    def _set_busy(self, title: str) -> None:
        self._busy = title
        self.busy_changed.emit(title)


def _qt_runner() -> Runner:
    # Imported late: with another runner a controller needs no Qt.
    from .qt_runner import QtRunner

    return QtRunner()
