"""Runs one job at a time on napari's worker threads."""

from collections.abc import Callable, Generator
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QTimer

from ..errors import Cancelled
from .runner import Ended, Poll, Snapshot, Work, give_way, guarded


class Job:
    """What a worker does, until it is over: napari keeps every worker until it is closed."""

    def __init__(self, work: Work, ended: Callable[[Ended], None]) -> None:
        self._work, self._ended = work, ended
        self._steps: Generator[Snapshot, None, Ended] | None = None
        # A worker that was told to quit returns nothing, it only finishes.
        self._how = Ended(stopped=True)

    def run(self, poll: Poll) -> Generator[Snapshot, None, Ended]:
        """In the thread that computes."""
        give_way()
        self._steps = guarded(self._work, poll)
        return (yield from self._steps)

    def returned(self, how: Ended) -> None:
        """On the main thread, unless it was stopped."""
        self._how = how

    def finish(self) -> None:
        """On the main thread: says how it ended, and holds nothing any more."""
        how, ended, steps = self._how, self._ended, self._steps
        self.__dict__.clear()
        if steps is not None:
            steps.close()
        ended(how)


class QtRunner:
    """A Runner on napari's worker threads, which napari stops when its window closes."""

    def __init__(self) -> None:
        self._worker: Any = None

    def start(
        self, work: Work, progressed: Callable[[Snapshot], None], ended: Callable[[Ended], None]
    ) -> None:
        job = Job(work, ended)
        worker = create_worker(job.run, self._poll, _start_thread=False)
        worker.yielded.connect(progressed)
        # Not the methods themselves, which would not keep the job until then.
        worker.returned.connect(lambda how: job.returned(how))
        worker.finished.connect(lambda: job.finish())
        self._worker = worker
        worker.start()

    def cancel(self) -> None:
        if self._worker is not None:
            self._worker.quit()

    def soon(self, call: Callable[[], None]) -> None:
        # Not 0: timers that wait have their turn first. Held, which a bare method would not be.
        QTimer.singleShot(1, lambda: call())

    def _poll(self) -> None:
        """Called in the thread that computes, after each piece of a pass."""
        if self._worker.abort_requested:
            raise Cancelled
