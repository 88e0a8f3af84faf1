"""Objects in JSON files from anywhere: each value is asked for by name, and has to be as meant."""

import math
from typing import Any

from .common.wording import can_be_written
from .errors import SegadvError

# Longer texts are no names, and more items no list that is meant.
LONGEST, MOST = 4096, 65536


class Entry:
    """An object in a JSON file, as `read_json` gives it.

    What is not as it has to be is a SegadvError that names the file and the place in it.

    Args:
        values: what stands there.
        where: the file, and the place in it.
        remedy: what to do about a wrong value.
    """

    def __init__(self, values: Any, where: str, remedy: str) -> None:
        self.where, self.remedy = where, remedy
        if not isinstance(values, dict):
            raise self.wrong("an object with named values is needed here")
        self.values: dict[str, Any] = values

    def wrong(self, what: str) -> SegadvError:
        """An error at this place of the file."""
        return SegadvError(f"{self.where}: {what}; {self.remedy}")

    def _get(self, name: str, kinds: tuple[type, ...], words: str) -> Any:
        value = self.values.get(name)
        right = isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)
        if not right:
            raise self.wrong(f'"{name}" has to be {words}')
        return value

    def text(self, name: str) -> str:
        """A text that is not endless."""
        value = str(self._get(name, (str,), "a text"))
        if not _usable(value):
            raise self.wrong(f'"{name}" is no name')
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self._listed(name, "a list of texts")
        if not all(isinstance(one, str) and _usable(one) for one in value):
            raise self.wrong(f'"{name}" has to be a list of texts')
        return tuple(value)

    def flag(self, name: str) -> bool:
        """True or false."""
        return bool(self._get(name, (bool,), "true or false"))

    def number(self, name: str) -> float:
        """A number, which `read_json` has found to be finite."""
        return float(self._get(name, (int, float), "a number"))

    def whole(self, name: str) -> int:
        """A whole number."""
        return int(self._get(name, (int,), "a whole number"))

    def index(self, name: str, count: int) -> int | None:
        """The place of one of `count` things, counted from 0; None for none."""
        if self.values.get(name) is None:
            return None
        value = self.whole(name)
        if not 0 <= value < count:
            raise self.wrong(f'"{name}" is {value}, but there are {count}')
        return value

    def numbers(self, name: str, count: int) -> tuple[float, ...]:
        """So many numbers."""
        value = self._listed(name, f"a list of {count} numbers")
        right = all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in value)
        if not right or len(value) != count or not all(map(math.isfinite, value)):
            raise self.wrong(f'"{name}" has to be a list of {count} numbers')
        return tuple(map(float, value))

    def entry(self, name: str) -> "Entry":
        """An object inside this one."""
        return Entry(self.values.get(name), f"{self.where}, {name}", self.remedy)

    def entries(self, name: str) -> list["Entry"]:
        """A list of objects inside this one."""
        value = self._listed(name, "a list of objects")
        return [Entry(v, f"{self.where}, {name} {n}", self.remedy) for n, v in enumerate(value)]

    def _listed(self, name: str, words: str) -> list[Any]:
        value: list[Any] = self._get(name, (list,), words)
        if len(value) > MOST:
            raise self.wrong(f'"{name}" holds {len(value)} items, more than can be meant')
        return value


def _usable(text: str) -> bool:
    """Whether a text is one that can be written into a file again, and is not endless."""
    return len(text) <= LONGEST and "\0" not in text and can_be_written(text)
