"""When the machine stands still: processes that only sleep, one on each processor, say it.

Run as a program, it is one of them.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# From when to when something took, in seconds of `time.monotonic`.
Span = tuple[float, float]
# Seconds of a sleep, and of one that was too long.
SLEEP, LATE = 0.001, 0.005


class Witnesses:
    """Say when a processor stood still, each from a process of its own on one of them."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._said, self._processes = [], []
        # macOS does not say, and keeps nobody on a processor.
        which = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
        for number in which:
            said = Path(self._folder.name) / str(number)
            command = [sys.executable, "-S", __file__, str(number)]
            with said.open("w") as file:
                self._processes.append(subprocess.Popen(command, stdout=file))
            self._said.append(said)

    def without(self, spans: list[Span]) -> list[float]:
        """Milliseconds of each span in which no processor stood still."""
        halts: list[Span] = []
        for said in self._said:
            # The last line may be half there.
            lines = said.read_text().split("\n")[:-1]
            halts += [(float(a), float(b)) for a, b in map(str.split, lines)]
        return [1000 * (end - start - stood((start, end), halts)) for start, end in spans]

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._folder.cleanup()


def stood(span: Span, halts: list[Span]) -> float:
    """Seconds of a span that lie in at least one halt."""
    seconds, until = 0.0, span[0]
    for start, end in sorted(halts):
        start, end = max(start, until), min(end, span[1])
        if end > start:
            seconds, until = seconds + end - start, end
    return seconds


def watch(processor: int) -> None:
    """Prints from when to when a processor stood still, for ever."""
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(0, {processor})
    with contextlib.suppress(AttributeError, OSError):
        # Before all others where it may, so that it is late only where its processor stands still.
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
