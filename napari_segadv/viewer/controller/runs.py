"""The runs of a session: their results, names, and a reader's verdicts on their slices."""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari.layers import Image
from psygnal import Signal

from ...common.screen import one_line
from ...data.channels import in_view
from ...results.verdicts import Verdict
from ..layers.names import of_channel

if TYPE_CHECKING:
    from ...results.example import Example


@dataclass(eq=False)
class Run:
    """One adversarial example of the session.

    Attributes:
        name: in the history; the user may change it.
        example: the result; its record holds the parameters.
        verdicts: by number of the slice (0 for a 2-D image).
        saved: whether a folder holds the result with all its verdicts.
        channel: the one of several channels that is shown, from 0: at first one that may change.
    """

    name: str
    example: "Example"
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    saved: bool = False
    channel: int = 0
    _image: "weakref.ref[Image] | None" = None
    # The further channel that was asked for last, in its own units.
    _seen: "tuple[int, Example] | None" = None

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels of an image of several; empty for one."""
        return tuple(channel.name for channel in self.example.channels)

    @property
    def seen(self) -> "Example":
        """What happened to the channel that is shown; of an image of one channel, the example."""
        if self.channel == 0:
            return self.example.seen
        if self._seen is None or self._seen[0] != self.channel:
            self._seen = self.channel, self.example.channel(self.channel)
        return self._seen[1]

    def role(self, role: str, channel: int | None = None) -> str:
        """Return what a channel's layer in a role is called; None: the channel that is shown."""
        number = self.channel if channel is None else channel
        return of_channel(role, self.channels[number]) if number else role

    @property
    def image(self) -> Image | None:
        """The layer of the clean image, unless it no longer exists."""
        return None if self._image is None else self._image()

    @image.setter
    def image(self, layer: Image) -> None:
        self._image = weakref.ref(layer)


class Runs:
    """The runs in the order in which they were made, and the one that is shown.

    Signals:
        changed: a run was added, removed or renamed.
        chosen: the run that is shown from now on, or None.
        judged: the run whose verdicts have changed.
    """

    changed = Signal()
    chosen = Signal(object)
    judged = Signal(object)

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._current: Run | None = None

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._runs))

    @property
    def current(self) -> Run | None:
        """The run that is shown."""
        return self._current

    @current.setter
    def current(self, run: Run | None) -> None:
        self._current = run
        self.chosen.emit(run)

    def add(self, example: "Example", image: Image | None, name: str = "") -> Run:
        """Add a run at the end, under a name that no other run has. It is not shown yet."""
        run = Run(self._unused(name or f"{example.record['method']} 1"), example)
        run.channel = in_view([channel.share for channel in example.channels])
        if image is not None:
            run.image = image
        self._runs.append(run)
        self.changed.emit()
        return run

    def rename(self, run: Run, name: str) -> None:
        """Rename a run; a name that is taken gets a number at its end."""
        if name and name != run.name:
            run.name = self._unused(name, run)
        self.changed.emit()

    def remove(self, run: Run) -> None:
        """Remove a run; if it was shown, none is shown from now on."""
        if run in self._runs:
            self._runs.remove(run)
        if self._current is run:
            self.current = None
        self.changed.emit()

    def judge(self, run: Run, number: int, verdict: Verdict) -> None:
        """Keep a verdict on a slice; an empty one removes it."""
        if verdict == Verdict():
            run.verdicts.pop(number, None)
        else:
            run.verdicts[number] = verdict
        run.saved = False
        self.judged.emit(run)

    def _unused(self, name: str, but: Run | None = None) -> str:
        # From the name of a folder, from a session, or typed.
        name = one_line(name)
        taken = {run.name for run in self._runs if run is not but}
        stem, number = name, 1
        words = name.rsplit(" ", 1)
        if len(words) == 2 and words[1].isdigit():
            stem, number = words[0], int(words[1])
        while name in taken:
            number += 1
            name = f"{stem} {number}"
        return name
