"""What runs a job off the main thread: progress, cancel and errors as values. Without Qt."""

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
