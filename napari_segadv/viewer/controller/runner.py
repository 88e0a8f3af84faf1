"""Running a job off the main thread, with progress, cancel and errors as values. Without Qt."""

import contextlib
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol

from ...errors import Cancelled, NeedsTrust, SegadvError
from .pace import Pace

# Most signals a second to the main thread.
RATE = 10.0
# Niceness of threads that compute: they get a third of a processor that the window keeps busy.
NICE = 5
# Modules whose warnings are not shown to users.
QUIET = r"(torch|monai|napari_segadv)\b"

Poll = Callable[[], None]
# A function, or a generator function that yields Progress, of a Poll.
Work = Callable[[Poll], Any]


@dataclass(frozen=True)
class Snapshot:
    """Progress of a job as plain numbers, taken in the thread that computes.

    Attributes:
        step, steps: the steps taken, and the most that it takes.
        loss: the objective to minimise.
        success: the smaller of `moved` and `kept`, 0 to 1, best so far.
        left: seconds until the last step at the present pace; None while the pace is not known.
    """

    step: int
    steps: int
    loss: float
    success: float
    left: float | None = None

    @classmethod
    def of_share(cls, share: float) -> "Snapshot":
        """Return the progress of a job that knows only what share of it is done, 0 to 1."""
        return cls(round(1000 * share), 1000, 0.0, 0.0)


@dataclass(frozen=True)
class Ended:
    """How a job ended: with a value, an error message, a question to the user, or stopped."""

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
        """Call something on the main thread once the window has handled its pending events."""


def give_way() -> None:
    """Give the window priority over this thread; called in a thread that computes.

    Works only on Linux, where each thread has its own niceness. It can't be undone, but the thread
    belongs to napari, which ends it after half a minute without work.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        if os.getpriority(os.PRIO_PROCESS, thread) < NICE:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, thread, NICE)


def guarded(work: Work, poll: Poll) -> Generator[Snapshot, None, Ended]:
    """Run a job; return errors as values, and yield progress at most RATE times a second."""
    # Workers show every warning to the user, to whom those of torch and MONAI mean nothing. Only
    # these are ignored: when two workers overlap, the filters of one may stay (superqt).
    warnings.filterwarnings("ignore", module=QUIET)
    try:
        run = work(poll)
        if not isinstance(run, Generator):
            return Ended(run)
        last, pace = 0.0, Pace()
        while True:
            state = next(run)
            poll()
            if time.monotonic() - last >= 1 / RATE:
                last = time.monotonic()
                # Reading these waits for a GPU, so the step has been taken only now.
                loss, success = state.loss, state.success
                pace.add(state.step)
                yield Snapshot(state.step, state.steps, loss, success, pace.left(state.steps))
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
