"""How long a run will still take: from the pace of its last steps."""

import time
from collections import deque

# Seconds of the run that the pace is taken from, and the fewest steps in them.
SPAN, FEWEST = 20.0, 4
# Seconds after the first step before anything is said.
SETTLED = 1.0
# The two halves of the span may differ by this factor.
EVEN = 1.6


class Pace:
    """The time at each step that was seen, from which the time left follows.

    The first step is not counted: it loads kernels and fills caches, and may take as long as ten
    others. Nothing is said until the pace is even, since a figure that jumps is worse than none;
    from then on it is always said.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._even = False

    def add(self, step: int, now: float | None = None) -> None:
        """Note that a step has been taken, `now` (by default at this moment)."""
        at = time.monotonic() if now is None else now
        if self._seen and step <= self._seen[-1][1]:
            return
        self._seen.append((at, step))
        while len(self._seen) > 2 * FEWEST and at - self._seen[1][0] > SPAN:
            self._seen.popleft()

    def left(self, steps: int) -> float | None:
        """Return the seconds until the last of `steps`; None while the pace is not known."""
        if len(self._seen) < 2:
            return None
        (first, begun), (last, step) = self._seen[0], self._seen[-1]
        if step - begun < FEWEST - 1 or last - first < SETTLED:
            return None
        self._even = self._even or self._halves_agree()
        return (steps - step) * (last - first) / (step - begun) if self._even else None

    def _halves_agree(self) -> bool:
        middle = len(self._seen) // 2
        paces = []
        for start, end in ((0, middle), (middle, -1)):
            (before, a), (after, b) = self._seen[start], self._seen[end]
            if a == b:
                return False
            paces.append((after - before) / (b - a))
        fast, slow = sorted(paces)
        return slow <= EVEN * fast


def in_words(seconds: float) -> str:
    """Return a time as people say it: about 5 s, about 40 s, about 3 min, about 2 h.

    Examples:
        >>> [in_words(seconds) for seconds in (0.2, 43, 95, 5300)]
        ['a moment', 'about 40 s', 'about 2 min', 'about 1.5 h']
    """
    if seconds < 2.5:
        return "a moment"
    if seconds < 55:
        unit = 5 if seconds < 30 else 10
        return f"about {max(unit, unit * round(seconds / unit))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {max(1, minutes)} min"
    return f"about {round(seconds / 1800) / 2:g} h"
