"""Typed access to untrusted JSON: files of a bounded size, and values that have to be as meant."""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from ..errors import SegadvError
from .wording import can_be_written

# Far more than any file that is meant: larger ones would fill the memory before anybody looks.
MOST_MEGABYTES = 32
# Whole numbers beyond these fit neither an array nor a float.
SMALLEST, LARGEST = -(2**63), 2**63 - 1
# Longer texts are no names, and more items no list that is meant.
LONGEST, MOST = 4096, 65536


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        SegadvError: where it can't be read, is no JSON, or holds NaN, infinity or too large a
            number.
    """
    limit = MOST_MEGABYTES << 20
    try:
        # Neither a folder nor a pipe, which would be waited on for ever.
        if not path.is_file():
            raise SegadvError(f"{path}: can't be read; check that it exists and is a file")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise SegadvError(
            f"{path}: can't be read ({error.strerror or error}); check the file"
        ) from None
    if len(content) > limit:
        raise SegadvError(
            f"{path}: is larger than {MOST_MEGABYTES} MB, as no JSON meant here is; check the file"
        )
    try:
        text = content.decode("utf-8-sig")
        return json.loads(text, parse_constant=_refused, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        raise SegadvError(f"{path}: is no valid JSON (nested too deeply); correct it") from None
    except ValueError as error:
        raise SegadvError(f"{path}: is no valid JSON ({error}); correct it") from None


def _refused(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refused(text[:20])


def _whole(text: str) -> int:
    # Its length first: Python refuses thousands of digits with a message about itself.
    number = int(text) if len(text) <= len(str(SMALLEST)) else LARGEST + 1
    return number if SMALLEST <= number <= LARGEST else _refused(text[:20])


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
