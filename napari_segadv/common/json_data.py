"""Typed access to untrusted JSON: files of limited size, values of the expected types."""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from ..errors import SegadvError
from .wording import can_be_written

# Far more than any valid file holds; a larger one could fill the memory before it is checked.
MOST_MEGABYTES = 32
# Whole numbers beyond these fit neither an array nor a float.
SMALLEST, LARGEST = -(2**63), 2**63 - 1
# Most characters in a string, and most items in a list; no valid file has more.
LONGEST, MOST = 4096, 65536


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        SegadvError: if it can't be read, is not JSON, or holds NaN, infinity or too large a
            number.
    """
    return parse_json(bytes_of_json(path), path)


def bytes_of_json(path: Path) -> bytes:
    """Read the bytes of a JSON file.

    Raises:
        SegadvError: if it can't be read, or is too large to be a valid one.
    """
    limit = MOST_MEGABYTES << 20
    try:
        # Refuses folders, and pipes, which would block for ever.
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
            f"{path}: is larger than {MOST_MEGABYTES} MB, the limit for JSON files; check the file"
        )
    return content


def parse_json(content: bytes, path: Path) -> Any:
    """Parse the bytes of a JSON file.

    Raises:
        SegadvError: if it is not JSON, or holds NaN, infinity or too large a number.
    """
    try:
        text = content.decode("utf-8-sig")
        return json.loads(text, parse_constant=_refused, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        raise SegadvError(f"{path}: is not valid JSON (nested too deeply); correct it") from None
    except ValueError as error:
        raise SegadvError(f"{path}: is not valid JSON ({error}); correct it") from None


def _refused(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a valid number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refused(text[:20])


def _whole(text: str) -> int:
    # Checks the length first: of thousands of digits, Python's own error says nothing useful.
    number = int(text) if len(text) <= len(str(SMALLEST)) else LARGEST + 1
    return number if SMALLEST <= number <= LARGEST else _refused(text[:20])


class Entry:
    """An object in a JSON file, as `read_json` gives it.

    An invalid value is a SegadvError that names the file and the place in it.

    Args:
        values: the object; anything else is refused.
        where: the file, and the place in it.
        remedy: what to do about an invalid value.
    """

    def __init__(self, values: Any, where: str, remedy: str) -> None:
        self.where, self.remedy = where, remedy
        if not isinstance(values, dict):
            raise self.wrong("must be an object with named values")
        self.values: dict[str, Any] = values

    def wrong(self, what: str) -> SegadvError:
        """Return an error about this place in the file."""
        return SegadvError(f"{self.where}: {what}; {self.remedy}")

    def _get(self, name: str, kinds: tuple[type, ...], words: str) -> Any:
        value = self.values.get(name)
        right = isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)
        if not right:
            raise self.wrong(f'"{name}" must be {words}')
        return value

    def text(self, name: str) -> str:
        """Return a string of limited length."""
        value = str(self._get(name, (str,), "a string"))
        if not _usable(value):
            raise self.wrong(f'"{name}" is too long or has invalid characters')
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self._listed(name, "a list of strings")
        if not all(isinstance(one, str) and _usable(one) for one in value):
            raise self.wrong(f'"{name}" must be a list of strings')
        return tuple(value)

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        return bool(self._get(name, (bool,), "true or false"))

    def number(self, name: str) -> float:
        """Return a number; `read_json` has checked that it is finite."""
        return float(self._get(name, (int, float), "a number"))

    def whole(self, name: str) -> int:
        """Return a whole number."""
        return int(self._get(name, (int,), "a whole number"))

    def index(self, name: str, count: int) -> int | None:
        """Return an index into `count` items, from 0; None if there is none."""
        if self.values.get(name) is None:
            return None
        value = self.whole(name)
        if not 0 <= value < count:
            raise self.wrong(f'"{name}" is {value}, but must be at least 0 and below {count}')
        return value

    def numbers(self, name: str, count: int | None = None) -> tuple[float, ...]:
        """Return a list of numbers, `count` of them if it is given."""
        words = "a list of numbers" if count is None else f"a list of {count} numbers"
        value = self._listed(name, words)
        right = all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in value)
        if not right or count not in (None, len(value)) or not all(map(math.isfinite, value)):
            raise self.wrong(f'"{name}" must be {words}')
        return tuple(map(float, value))

    def entry(self, name: str) -> "Entry":
        """Return an object inside this one."""
        return Entry(self.values.get(name), f"{self.where}, {name}", self.remedy)

    def entries(self, name: str) -> list["Entry"]:
        """Return a list of objects inside this one."""
        value = self._listed(name, "a list of objects")
        return [Entry(v, f"{self.where}, {name} {n}", self.remedy) for n, v in enumerate(value)]

    def _listed(self, name: str, words: str) -> list[Any]:
        value: list[Any] = self._get(name, (list,), words)
        if len(value) > MOST:
            raise self.wrong(f'"{name}" has {len(value)} items, but at most {MOST} are allowed')
        return value


def _usable(text: str) -> bool:
    """Return whether a string can be written to a file again and is not too long."""
    return len(text) <= LONGEST and "\0" not in text and can_be_written(text)
