"""Runs one job at a time off the main thread, with progress, cancel and errors as values."""

import contextlib
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol

from napari.qt.threading import create_worker
from qtpy.QtCore import QTimer

from ..errors import Cancelled, NeedsTrust, SegadvError

# Signals to the main thread a second, at most.
RATE = 10.0
# Of threads that compute: a third of the processor where the window wants all of it.
NICE = 5
# Modules whose warnings are not for users.
QUIET = r"(torch|monai|napari_segadv)\b"

Poll = Callable[[], None]
# A function, or a generator function that yields Progress, of a Poll.
Work = Callable[[Poll], Any]


@dataclass(frozen=True)
class Snapshot:
    """Progress of a job in plain numbers, read in the thread that computes."""

    step: int
    steps: int
    loss: float
    success: float


@dataclass(frozen=True)
class Ended:
    """How a job ended: with a value, a message for the user, a question, or stopped."""

    value: Any = None
    error: str | None = None
    needs_trust: NeedsTrust | None = None
    stopped: bool = False


class Runner(Protocol):
    """Starts jobs; `progressed` and `ended` are called on the main thread."""

    def start(
        self, work: Work, progressed: Callable[[Snapshot], None], ended: Callable[[Ended], None]
    ) -> None: ...

    def cancel(self) -> None: ...

    def soon(self, call: Callable[[], None]) -> None:
        """Calls on the main thread once the window has handled what waits for it."""


def give_way() -> None:
    """Lets the window have the processor first; called in a thread that computes.

    On Linux alone, where a thread has a niceness of its own. It can't be taken back: the thread is
    napari's, which ends it after half a minute without work.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        if os.getpriority(os.PRIO_PROCESS, thread) < NICE:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, thread, NICE)


def guarded(work: Work, poll: Poll) -> Generator[Snapshot, None, Ended]:
    """A job whose errors are values and whose progress comes at most RATE times a second."""
    # Workers show every warning to the user; those of torch and MONAI mean nothing to one. No
    # others: with two workers at a time, what one has set stays (superqt).
    warnings.filterwarnings("ignore", module=QUIET)
    try:
        run = work(poll)
        if not isinstance(run, Generator):
            return Ended(run)
        last = 0.0
        while True:
            state = next(run)
            poll()
            if time.monotonic() - last >= 1 / RATE:
                last = time.monotonic()
                yield Snapshot(state.step, state.steps, state.loss, state.success)
    except StopIteration as stop:
        return Ended(stop.value)
    except Cancelled:
        return Ended(stopped=True)
    except NeedsTrust as question:
        return Ended(needs_trust=question)
    except SegadvError as error:
        return Ended(error=str(error))
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user
        return Ended(error=f"{type(error).__name__}: {error} (please report this)")


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
        # Not 0: timers that wait have their turn first.
        QTimer.singleShot(1, call)

    def _poll(self) -> None:
        """Called in the thread that computes, after each piece of a pass."""
        if self._worker.abort_requested:
            raise Cancelled
