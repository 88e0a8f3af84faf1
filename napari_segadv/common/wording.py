"""Numbers and names as text for people, worded the same everywhere."""

import math
from collections.abc import Sequence


def with_units(number: str, units: str) -> str:
    """Return a number with its unit: 20 HU, 1 grey level, 5 grey levels."""
    return f"{number} {units}" + ("s" if units == "grey level" and number != "1" else "")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 step, 2 steps."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def share(value: float, digits: int = 3) -> str:
    """Return a share as a decimal, rounded down: it must not look better than it is."""
    whole = 10**digits
    return f"{math.floor(value * whole + 1e-9) / whole:.{digits}f}"


def percent(value: float) -> str:
    """Return a share in percent, rounded down: a share shown as 99.0 % has reached 0.99."""
    return f"{math.floor(1000 * value + 1e-9) / 10:.1f} %"


def cell(text: str) -> str:
    """Return a text for a table cell; what a spreadsheet would take for a formula is quoted."""
    try:
        float(text)
    except ValueError:
        return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
    return text


def can_be_written(text: str) -> bool:
    """Return whether a text can be written to a file; lone surrogates from JSON can't."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def class_name(label: int, names: Sequence[str] = ()) -> str:
    """Return the name of a class, or its number if it has no name."""
    return names[label] if 0 <= label < len(names) else f"class {label}"
