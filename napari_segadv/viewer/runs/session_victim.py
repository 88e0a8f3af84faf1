"""Loads an opened session's victim as if the user had chosen it, and says if it has changed."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...common.hashing import recorded_before
from ...errors import SegadvError
from ...samples import DEMO
from ..controller.controller import Controller

if TYPE_CHECKING:
    from ...results.session.session import VictimSource
    from ...victims.victim import Victim


def source_of(controller: Controller) -> "VictimSource | None":
    """Return where a controller's victim came from."""
    from ...results.session.session import VictimSource
    from ...victims.loading.registry import file_of

    victim, source = controller.victims.victim, controller.victims.source
    if victim is None:
        return None
    return VictimSource(
        source if source.startswith(DEMO) else str(file_of(source)[0].absolute()),
        victim.name,
        victim.sha256,
        victim.trust,
        victim.task.name,
        tuple(victim.classes),
        victim.shown,
    )


class SessionVictim:
    """The victim that an opened session was saved with.

    Args:
        controller: loads it, and asks for consent as always.
        warn: gets one line if the victim is missing or has changed.
    """

    def __init__(self, controller: Controller, warn: Callable[[str], None]) -> None:
        self._controller, self._warn = controller, warn
        self._expected: VictimSource | None = None
        self._missing: VictimSource | None = None
        controller.victims.victim_changed.connect(self._loaded)

    @property
    def source(self) -> "VictimSource | None":
        """Where the loaded victim came from, or the one that an opened session misses."""
        return source_of(self._controller) or self._missing

    def drop(self) -> None:
        """Stop listening for victims."""
        self._controller.victims.victim_changed.disconnect(self._loaded, missing_ok=True)

    def load(self, victim: "VictimSource | None") -> None:
        """Load it, unless it is loaded already."""
        if victim is None:
            return
        known = self._controller.victims.victim
        same = known is not None and known.sha256 == victim.sha256 and victim.sha256
        if same and (known.shown == victim.shown or victim.shown):
            self._ask(victim)
            return
        if victim.missing:
            self._missing = victim
            self._warn(
                f"{victim.source}: the session's model is missing; its runs can be viewed, "
                "but choose a model to make new ones"
            )
            return
        self._expected = victim
        try:
            self._controller.victims.load_victim(victim.source)
        except SegadvError as error:
            self._expected = None
            self._warn(f"{victim.name}: not loaded ({error})")

    def _ask(self, victim: "VictimSource") -> None:
        """Ask the loaded victim for the classes that it was asked for."""
        try:
            if victim.shown:
                self._controller.victims.ask(victim.shown.get("classes", ()))
        except SegadvError as error:
            self._warn(f"{victim.name}: is asked for other classes than then ({error})")

    def _loaded(self, victim: "Victim") -> None:
        expected, self._expected, self._missing = self._expected, None, None
        if expected is None or self._controller.victims.source != expected.source:
            return
        if victim.sha256 != expected.sha256 and not recorded_before(expected.sha256, victim.path):
            self._warn(
                f"{expected.source}: has changed since the session was saved, so new runs may "
                "differ; restore the earlier file to continue the saved runs"
            )
        # Once all have heard of this one: asked for other classes, it is another.
        self._controller.jobs.soon(lambda: self._ask(expected))
