"""How visible each run's change is in every window: measured beside the jobs, and kept."""

from collections.abc import Generator
from weakref import WeakKeyDictionary

from psygnal import Signal

from ...common.generators import relayed
from ...measures.by_window import Seen, seen_steps
from .latest import Latest
from .runner import Poll, Runner, Snapshot
from .runs import Run, Runs


class Visibility:
    """Measures one run at a time; another request takes its place.

    Signals, all on the main thread:
        changed: a Run whose measuring has begun, ended or stopped.
        progressed: the share that is done, 0 to 1.
        failed: a message for the user, in one line.

    Attributes:
        measuring: the run that is measured, or None.
    """

    changed = Signal(object)
    progressed = Signal(float)
    failed = Signal(str)

    def __init__(self, runs: Runs, runner: Runner | None = None) -> None:
        self.measuring: Run | None = None
        self._runs, self._runner = runs, runner
        # By run and channel.
        self._known: WeakKeyDictionary[Run, dict[int, tuple[Seen, ...]]] = WeakKeyDictionary()
        self._channel = 0
        self._latest: Latest | None = None
        runs.changed.connect(self._runs_changed)

    def known(self, run: Run | None) -> tuple[Seen, ...]:
        """Return how a run is seen in each window; empty if that is not measured."""
        return () if run is None else self._known.get(run, {}).get(run.channel, ())

    def busy(self, run: Run | None) -> bool:
        """Return whether the channel of a run that is shown is being measured."""
        return run is not None and run is self.measuring and run.channel == self._channel

    def measure(self, run: Run) -> None:
        """Measure the channel of a run that is shown, unless it is measured already."""
        if self.known(run) or self.busy(run):
            return
        shown, channel = run.seen, run.channel

        def work(poll: Poll) -> Generator[Snapshot, None, tuple[Seen, ...]]:
            steps = seen_steps(shown.clean, shown.adversarial)
            return (yield from relayed(steps, Snapshot.of_share))

        before, self.measuring, self._channel = self.measuring, run, channel
        self._worker().ask(work, lambda found: self._done(run, channel, found))
        for each in (before, run):
            if each is not None:
                self.changed.emit(each)

    def stop(self) -> None:
        """Stop measuring."""
        run, self.measuring = self.measuring, None
        if self._latest is not None:
            self._latest.drop()
        if run is not None:
            self.changed.emit(run)

    def _worker(self) -> Latest:
        # Made late: without it, a controller that is made for nothing else needs no Qt.
        if self._latest is None:
            self._latest = Latest(self._runner)
            self._latest.progressed.connect(self._progressed)
            self._latest.failed.connect(self._failed)
        return self._latest

    def _done(self, run: Run, channel: int, found: tuple[Seen, ...]) -> None:
        self._known.setdefault(run, {})[channel] = found
        self.measuring = None
        self.changed.emit(run)

    def _progressed(self, now: Snapshot) -> None:
        self.progressed.emit(now.step / now.steps)

    def _failed(self, message: str) -> None:
        self.stop()
        self.failed.emit(message)

    def _runs_changed(self) -> None:
        if self.measuring is not None and self.measuring not in self._runs:
            self.stop()
