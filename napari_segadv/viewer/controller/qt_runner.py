"""Runs one job at a time on napari's worker threads."""

import warnings
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Any, ClassVar

from napari.qt.threading import create_worker
from qtpy.QtCore import QTimer

from ...errors import Cancelled
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


class Warnings:
    """Puts Python's warnings back as they were once no job is running.

    Each worker catches warnings, which is not for several threads (superqt): of two at a time the
    later one would leave behind what the earlier one had set.
    """

    def __init__(self) -> None:
        self._running = 0
        self._kept = ExitStack()

    def begin(self) -> None:
        """A job begins."""
        if self._running == 0:
            self._kept.enter_context(warnings.catch_warnings())
        self._running += 1

    def end(self) -> None:
        """A job is over."""
        self._running -= 1
        if self._running == 0:
            self._kept.close()


class QtRunner:
    """A Runner on napari's worker threads, which napari stops when its window closes."""

    _warnings: ClassVar[Warnings] = Warnings()

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
        worker.finished.connect(lambda: self._finish(job))
        self._worker = worker
        self._warnings.begin()
        worker.start()

    def _finish(self, job: Job) -> None:
        self._warnings.end()
        job.finish()

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
