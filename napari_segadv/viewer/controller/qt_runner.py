"""Runs one job at a time on napari's worker threads."""

import gc
import warnings
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Any, ClassVar

from napari.qt.threading import create_worker
from qtpy.QtCore import QTimer

from ...errors import Cancelled
from .runner import Ended, Poll, Snapshot, Work, give_way, guarded

# While a job is running, garbage is collected after so many milliseconds, of the generations up to
# this one: the oldest takes long.
EVERY, YOUNG = 1000, 1


class Job:
    """What a worker does; emptied at the end, since napari keeps every worker until it closes."""

    def __init__(self, work: Work, ended: Callable[[Ended], None]) -> None:
        self._work, self._ended = work, ended
        self._steps: Generator[Snapshot, None, Ended] | None = None
        # A worker that has to quit only emits `finished`, not `returned`.
        self._how = Ended(stopped=True)

    def run(self, poll: Poll) -> Generator[Snapshot, None, Ended]:
        """Do the work, in the thread that computes."""
        give_way()
        self._steps = guarded(self._work, poll)
        return (yield from self._steps)

    def returned(self, how: Ended) -> None:
        """Keep how the work ended; called on the main thread, unless it was stopped."""
        self._how = how

    def finish(self) -> None:
        """Let go of everything and report how the work ended, on the main thread."""
        how, ended, steps = self._how, self._ended, self._steps
        self.__dict__.clear()
        if steps is not None:
            steps.close()
        ended(how)


class Warnings:
    """Restores Python's warning filters once no job is running.

    Each worker of superqt catches warnings, which is not thread-safe: of two that overlap, the
    one that ends last would restore the filters that the other one had set.
    """

    def __init__(self) -> None:
        self._running = 0
        self._kept = ExitStack()

    def begin(self) -> None:
        """Count a job that begins."""
        if self._running == 0:
            self._kept.enter_context(warnings.catch_warnings())
        self._running += 1

    def end(self) -> None:
        """Count a job that has ended."""
        self._running -= 1
        if self._running == 0:
            self._kept.close()


class Garbage:
    """Keeps Python's garbage collection on the main thread while a job is running.

    Python collects in whichever thread makes one object too many. In a thread that computes, that
    would delete objects of Qt's there, which the window may be using.
    """

    def __init__(self) -> None:
        self._running = 0
        self._timer: QTimer | None = None
        self._by_itself = True

    def begin(self) -> None:
        """Count a job that begins; called on the main thread."""
        if self._running == 0:
            self._by_itself = gc.isenabled()
            gc.disable()
            self._timer = QTimer()
            self._timer.timeout.connect(lambda: gc.collect(YOUNG))
            self._timer.start(EVERY)
        self._running += 1

    def end(self) -> None:
        """Count a job that has ended; called on the main thread."""
        self._running -= 1
        if self._running == 0 and self._timer is not None:
            self._timer.stop()
            self._timer = None
            if self._by_itself:
                gc.enable()


class QtRunner:
    """A Runner on napari's worker threads, which napari stops when its window closes."""

    _warnings: ClassVar[Warnings] = Warnings()
    _garbage: ClassVar[Garbage] = Garbage()

    def __init__(self) -> None:
        self._worker: Any = None

    def start(
        self, work: Work, progressed: Callable[[Snapshot], None], ended: Callable[[Ended], None]
    ) -> None:
        job = Job(work, ended)
        worker = create_worker(job.run, self._poll, _start_thread=False)
        worker.yielded.connect(progressed)
        # Lambdas, since a connected method would not keep the job alive.
        worker.returned.connect(lambda how: job.returned(how))
        worker.finished.connect(lambda: self._finish(job))
        self._worker = worker
        self._warnings.begin()
        self._garbage.begin()
        worker.start()

    def _finish(self, job: Job) -> None:
        self._warnings.end()
        self._garbage.end()
        job.finish()

    def cancel(self) -> None:
        if self._worker is not None:
            self._worker.quit()

    def soon(self, call: Callable[[], None]) -> None:
        # 1 ms, not 0, so that pending timers come first. A lambda, since Qt does not keep a bare
        # method alive.
        QTimer.singleShot(1, lambda: call())

    def _poll(self) -> None:
        """Raise Cancelled if the job was cancelled; called off the main thread, between pieces."""
        if self._worker.abort_requested:
            raise Cancelled
