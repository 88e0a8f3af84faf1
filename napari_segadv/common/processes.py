"""Runs a program without a shell, and ends it with all that it has started."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

# Seconds that a program has to end by itself after it was asked to; then it is killed.
GRACE = 5.0
# Most seconds between two looks at a running program.
PAUSE = 0.05
# Most bytes of messages that a program may write, and of those the last that are read.
MOST_WRITTEN, MOST_READ = 100 << 20, 1 << 16


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Attributes:
        problem: what went wrong, as in "ended with status 3"; "" if nothing did.
        said: the last line that it wrote to stderr, else to stdout; "" if it wrote none.
        late: whether it was stopped because it took too long.
    """

    problem: str
    said: str = ""
    late: bool = False


def run(
    arguments: Sequence[str],
    folder: Path,
    *,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    poll: Callable[[], None] = lambda: None,
) -> Ended:
    """Run a program to its end. However this function ends, the program runs no longer.

    It gets no input. What it has started ends with it, unless that has detached itself entirely,
    as a daemon does.

    Args:
        arguments: the program and what it is called with. No shell reads them.
        folder: where it runs.
        seconds: after which it is stopped.
        environment: variables that it gets besides those of this process.
        poll: called while it runs; if it raises, the program is stopped.
    """
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                list(arguments),
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                # A group of its own, which a signal reaches as a whole. Ctrl-C in the terminal
                # reaches this process alone, which then stops the program.
                start_new_session=True,
            )
        except OSError as error:
            return Ended(f"can't be started ({error.strerror or error})")
        until = time.monotonic() + seconds
        over = False
        try:
            over = _wait(process, (errors, output), until, poll)
        finally:
            _end(process, over)
        said = _last_line(errors, output)
        if over:
            return Ended(_status(process.returncode), said)
        if time.monotonic() >= until:
            return Ended(f"took longer than {seconds:g} s", said, late=True)
        return Ended(f"wrote more than {MOST_WRITTEN >> 20} MB of messages", said)


def _wait(
    process: subprocess.Popen[bytes],
    written: Sequence[IO[bytes]],
    until: float,
    poll: Callable[[], None],
) -> bool:
    """Wait for a program; return whether it has ended, False if it has to be stopped.

    Args:
        process: the program.
        written: what it writes its messages to.
        until: when it has to be done, as `time.monotonic` counts.
        poll: called between two looks at it.
    """
    pause = 0.001
    while not _over(process):
        full = any(os.fstat(file.fileno()).st_size > MOST_WRITTEN for file in written)
        if full or time.monotonic() >= until:
            return False
        poll()
        time.sleep(pause)
        pause = min(2 * pause, PAUSE)
    return True


def _over(process: subprocess.Popen[bytes]) -> bool:
    """Return whether a program has ended.

    Where the system allows it, the program is not waited for yet: until then its number, which is
    that of its group, is given to no other.
    """
    if hasattr(os, "waitid"):
        what = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, process.pid, what) is not None
    return process.poll() is not None


def _end(process: subprocess.Popen[bytes], by_itself: bool) -> None:
    """End a program and what it has started; unless it has ended by itself, ask it first.

    A container's client passes the request on to its container; killed, it would leave it running.
    """
    others = _descendants(process.pid)
    try:
        if not by_itself:
            _signal(process, others, signal.SIGTERM)
            _wait_while(lambda: not _over(process) or _running(others))
    finally:
        others += _descendants(process.pid)
        _signal(process, others, KILL)
        process.wait()
        # The rest is not ours to wait for, and takes a moment to end.
        _wait_while(lambda: _running(others) or _group_runs(process.pid))


# Windows has no such signal: there both end a process at once.
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


def _wait_while(goes_on: Callable[[], bool]) -> None:
    """Wait until something is over, at most GRACE seconds."""
    until = time.monotonic() + GRACE
    while goes_on() and time.monotonic() < until:
        time.sleep(PAUSE)


def _descendants(pid: int) -> list[Any]:
    """List what a process has started, also what has left its group."""
    with suppress(psutil.Error):
        return list(psutil.Process(pid).children(recursive=True))
    return []


def _running(processes: Iterable[Any]) -> bool:
    """Return whether one of some processes runs; what nobody waits for has ended all the same."""
    for process in processes:
        with suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


def _group_runs(number: int) -> bool:
    """Return whether a process of a group runs."""
    if not hasattr(os, "killpg"):
        return False
    try:
        os.killpg(number, 0)
    except OSError:
        # Usually the group is empty, and there is no need to look through all processes.
        return False
    return _running(process for process in psutil.process_iter() if _group(process) == number)


def _group(process: Any) -> int:
    with suppress(OSError):
        return os.getpgid(process.pid)
    return -1


def _signal(process: subprocess.Popen[bytes], others: Sequence[Any], number: int) -> None:
    """Send a signal to a program, its group, and processes that it has started."""
    if hasattr(os, "killpg"):
        # macOS refuses it for a group of which nobody runs any longer.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    for other in others:
        # psutil knows a process by its start as well: no other that has got its number is meant.
        with suppress(psutil.Error):
            other.send_signal(number)


def _status(status: int) -> str:
    """Say what an exit status means; "" for success."""
    if status == 0:
        return ""
    if status > 0:
        return f"ended with status {status}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"


def _last_line(*files: IO[bytes]) -> str:
    """Return the last line, with anything in it, of the first file that has one."""
    for file in files:
        file.seek(max(file.seek(0, os.SEEK_END) - MOST_READ, 0))
        lines = file.read().decode("utf-8", "replace").splitlines()
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        if said:
            return said
    return ""
