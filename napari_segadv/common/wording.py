"""Numbers and names as text for people, worded the same everywhere."""

import math
import re
from collections.abc import Sequence

# What a spreadsheet runs, at the start of a cell or of what could be one.
FORMULA = re.compile(r"(^|[;,\t|\r\n])([=+\-@\t\r])")


def with_units(number: str, units: str) -> str:
    """Return a number with its unit: 20 HU, 1 grey level, 5 grey levels."""
    return f"{number} {units}" + ("s" if units == "grey level" and number != "1" else "")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 step, 2 steps, 2 classes."""
    several = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{'' if number == 1 else several}"


def amount(value: float) -> str:
    """Return a number with at least three digits, grouped by thousands.

    Examples:
        >>> amount(1480.4), amount(34.567), amount(0.0)
        ('1,480', '34.6', '0')
    """
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def share(value: float, digits: int = 3) -> str:
    """Return a share as a decimal, rounded down: it must not look better than it is."""
    whole = 10**digits
    return f"{math.floor(value * whole + 1e-9) / whole:.{digits}f}"


def percent(value: float) -> str:
    """Return a share in percent, rounded down: a share shown as 99.0 % has reached 0.99."""
    return f"{math.floor(1000 * value + 1e-9) / 10:.1f} %"


def in_percent(value: float, digits: int = 0) -> str:
    """Return a share in percent, rounded to the nearest: for what is no goal."""
    return f"{100 * value:.{digits}f} %"


def cell(text: str) -> str:
    """Return a text for a table cell; what a spreadsheet would take for a formula is quoted.

    Some spreadsheets divide cells at semicolons or tabs: each part of the text could be a cell.

    Examples:
        >>> cell("-3.5"), cell("=1+1"), cell("left;=1+1"), cell("A-line, B")
        ('-3.5', "'=1+1", "left;'=1+1", 'A-line, B')
    """
    try:
        float(text)
    except ValueError:
        return FORMULA.sub(r"\1'\2", text)
    return text


def printable(text: str) -> str:
    """Return a text for a terminal: characters that it would obey are shown by their codes.

    Examples:
        >>> printable("left \x1b[2Jkidney"), printable("één nier")
        ('left \\x1b[2Jkidney', 'één nier')
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def can_be_written(text: str) -> bool:
    """Return whether a text can be written to a file; lone surrogates from JSON can't."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def class_name(label: int, names: Sequence[str] = ()) -> str:
    """Return the name of a class, or its number if it has no name."""
    return names[label] if 0 <= label < len(names) else f"class {label}"
