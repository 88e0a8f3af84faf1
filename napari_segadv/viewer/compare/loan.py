"""Attributes changed for a while: each goes back, unless somebody has changed it since."""

from typing import Any


class Loan:
    """Remembers what it changes, and puts it back. What is gone by then does no harm."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, str], tuple[Any, Any, Any]] = {}

    def set(self, thing: Any, name: str, value: Any) -> None:
        """Changes an attribute, where it is another; a second change keeps the first memory."""
        key, before = (id(thing), name), getattr(thing, name)
        if not _same(before, value):
            setattr(thing, name, value)
        if key in self._before:
            before = self._before[key][1]
        # As it reads now: setters convert what they are given.
        self._before[key] = (thing, before, getattr(thing, name))

    def give_back(self) -> None:
        """Puts everything back, the last change first."""
        taken, self._before = self._before, {}
        for (_, name), (thing, before, ours) in reversed(taken.items()):
            now = getattr(thing, name)
            if _same(now, ours) and not _same(now, before):
                setattr(thing, name, before)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are one; only plain ones are compared, arrays in them would not do."""
    plain = (bool, int, float, str, tuple)
    return one is other or (isinstance(one, plain) and isinstance(other, plain) and one == other)
