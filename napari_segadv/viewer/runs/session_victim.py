"""Loads the victim of an opened session as if it were chosen, and says if it is not the same."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import SegadvError
from ...samples import DEMO
from ..controller.controller import Controller

if TYPE_CHECKING:
    from ...results.session.session import VictimSource
    from ...victims.victim import Victim


def source_of(controller: Controller) -> "VictimSource | None":
    """Where a controller's victim came from."""
    from ...results.session.session import VictimSource

    victim, source = controller.victims.victim, controller.victims.source
    if victim is None:
        return None
    return VictimSource(
        source if source.startswith(DEMO) else str(Path(source).absolute()),
        victim.name,
        victim.sha256,
        victim.trust,
        victim.task.name,
        tuple(victim.classes),
    )


class SessionVictim:
    """The victim that an opened session wants.

    Args:
        controller: loads it, and asks for consent as ever.
        warn: gets a line where it is gone or another one.
    """

    def __init__(self, controller: Controller, warn: Callable[[str], None]) -> None:
        self._controller, self._warn = controller, warn
        self._wanted: VictimSource | None = None
        self._missing: VictimSource | None = None
        controller.victims.victim_changed.connect(self._loaded)

    @property
    def source(self) -> "VictimSource | None":
        """Where the victim is from: the loaded one, or the one that an opened session misses."""
        return source_of(self._controller) or self._missing

    def drop(self) -> None:
        """Hears of no victim any more."""
        self._controller.victims.victim_changed.disconnect(self._loaded, missing_ok=True)

    def load(self, victim: "VictimSource | None") -> None:
        """Loads it, unless it is there already."""
        if victim is None:
            return
        known = self._controller.victims.victim
        if known is not None and known.sha256 == victim.sha256 and victim.sha256:
            return
        if victim.missing:
            self._missing = victim
            self._warn(
                f"{victim.source}: the session's victim is gone; its runs can be looked at, "
                "choose a victim for further ones"
            )
            return
        self._wanted = victim
        try:
            self._controller.victims.load_victim(victim.source)
        except SegadvError as error:
            self._wanted = None
            self._warn(f"{victim.name}: not loaded ({error})")

    def _loaded(self, victim: "Victim") -> None:
        wanted, self._wanted, self._missing = self._wanted, None, None
        if wanted is None or self._controller.victims.source != wanted.source:
            return
        if victim.sha256 != wanted.sha256:
            self._warn(
                f"{wanted.source}: has changed since the session was saved; further runs may "
                "differ, so put the earlier file back if they are to continue the saved ones"
            )
