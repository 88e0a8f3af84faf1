"""JSON files from anywhere, read as data: of a bounded size, and of numbers that can be used."""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from ..errors import SegadvError

# Far more than any file that is meant: larger ones would fill the memory before anybody looks.
MOST_MEGABYTES = 32
# Whole numbers beyond these fit neither an array nor a float.
SMALLEST, LARGEST = -(2**63), 2**63 - 1


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
