"""Numbers in words for people, the same wherever they stand."""

import math
from collections.abc import Sequence


def with_units(number: str, units: str) -> str:
    """A number with its unit: 20 HU, 1 grey level, 5 grey levels."""
    return f"{number} {units}" + ("s" if units == "grey level" and number != "1" else "")


def counted(number: int, noun: str) -> str:
    """How many there are: 1 step, 2 steps."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def share(value: float, digits: int = 3) -> str:
    """A share as a decimal, rounded down: it must not read better than it is."""
    whole = 10**digits
    return f"{math.floor(value * whole + 1e-9) / whole:.{digits}f}"


def percent(value: float) -> str:
    """A share in percent, rounded down: what reads 99.0 % has reached 0.99."""
    return f"{math.floor(1000 * value + 1e-9) / 10:.1f} %"


def cell(text: str) -> str:
    """A text for a table that spreadsheets open: one that they would take for a formula is not."""
    try:
        float(text)
    except ValueError:
        return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
    return text


def can_be_written(text: str) -> bool:
    """Whether a file takes a text: JSON can bring halves of letters that none does."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def class_name(label: int, names: Sequence[str] = ()) -> str:
    """What a class is called: its name, or its number where nobody has named it."""
    return names[label] if 0 <= label < len(names) else f"class {label}"
