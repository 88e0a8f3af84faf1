"""Attributes changed for a while: each is restored, unless somebody has changed it since."""

from typing import Any


class Loan:
    """Remembers what it changes, and restores it. Objects that are gone by then do no harm."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, str], tuple[Any, Any, Any]] = {}

    def set(self, thing: Any, name: str, value: Any) -> None:
        """Set an attribute; `give_back` restores the value that it had before the first change."""
        key, before = (id(thing), name), getattr(thing, name)
        if not _same(before, value):
            setattr(thing, name, value)
        if key in self._before:
            before = self._before[key][1]
        # Read back, since setters may convert the value.
        self._before[key] = (thing, before, getattr(thing, name))

    def give_back(self) -> None:
        """Restore everything, the last change first."""
        taken, self._before = self._before, {}
        for (_, name), (thing, before, ours) in reversed(taken.items()):
            now = getattr(thing, name)
            if _same(now, ours) and not _same(now, before):
                setattr(thing, name, before)


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are the same; only plain ones are compared, arrays can't be."""
    plain = (bool, int, float, str, tuple)
    return one is other or (isinstance(one, plain) and isinstance(other, plain) and one == other)
