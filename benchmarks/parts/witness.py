"""Find out when the machine stands still: a process on each processor sleeps and notes delays.

Run as a program, this file is one of these processes.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Start and end, in seconds of `time.monotonic`.
Span = tuple[float, float]
# Seconds of one sleep, and seconds after which it counts as too long.
SLEEP, LATE = 0.001, 0.005


class Witnesses:
    """Processes that note when a processor stood still, one on each processor."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._logs, self._processes = [], []
        # macOS neither lists the processors nor binds a process to one: a single process watches.
        which = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
        for number in which:
            log = Path(self._folder.name) / str(number)
            command = [sys.executable, "-S", __file__, str(number)]
            with log.open("w") as file:
                self._processes.append(subprocess.Popen(command, stdout=file))
            self._logs.append(log)

    def without(self, spans: list[Span]) -> list[float]:
        """Return the milliseconds of each span during which no processor stood still."""
        halts: list[Span] = []
        for log in self._logs:
            # The last line may be half written.
            lines = log.read_text().split("\n")[:-1]
            halts += [(float(a), float(b)) for a, b in map(str.split, lines)]
        return [1000 * (end - start - stood((start, end), halts)) for start, end in spans]

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._folder.cleanup()


def stood(span: Span, halts: list[Span]) -> float:
    """Return the seconds of a span that lie in at least one halt."""
    seconds, until = 0.0, span[0]
    for start, end in sorted(halts):
        start, end = max(start, until), min(end, span[1])
        if end > start:
            seconds, until = seconds + end - start, end
    return seconds


def watch(processor: int) -> None:
    """Print start and end of each halt of a processor, forever."""
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(0, {processor})
    with contextlib.suppress(AttributeError, OSError):
        # With top priority, if allowed, so that it is late only if its processor stands still.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    last = time.monotonic()
    while True:
        time.sleep(SLEEP)
        now = time.monotonic()
        if now - last > LATE:
            print(last + SLEEP, now, flush=True)
        last = now


if __name__ == "__main__":
    watch(int(sys.argv[1]))
