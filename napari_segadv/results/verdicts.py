"""What a reader said of slices, as JSON to be saved with a run and as CSV for a spreadsheet."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..common.wording import can_be_written, cell
from ..errors import SegadvError

VERDICTS = ("nothing seen", "suspicious", "obvious")


@dataclass(frozen=True)
class Verdict:
    """What a reader says of a slice: one of VERDICTS ("" where only a note was written)."""

    said: str = ""
    note: str = ""


def verdicts_to_json(verdicts: Mapping[int, Verdict]) -> list[dict[str, Any]]:
    """Verdicts by number of the slice as values that `json.dump` takes, in order of slices."""
    return [
        {"slice": number, "verdict": verdict.said, "note": verdict.note}
        for number, verdict in sorted(verdicts.items())
    ]


def verdicts_from_json(values: Any) -> dict[int, Verdict]:
    """The verdicts that `verdicts_to_json` made into values.

    Raises:
        SegadvError: where the values are something else.
    """
    found: dict[int, Verdict] = {}
    for value in values if isinstance(values, list) else [values]:
        match value:
            case {"slice": int(number), "verdict": str(said), "note": str(note)}:
                known = number >= 0 and said in ("", *VERDICTS) and can_be_written(note)
            case _:
                known = False
        if not known:
            raise SegadvError(f"verdicts: {value!r} is none; each has slice, verdict and note")
        found[number] = Verdict(said, note)
    return found


def verdicts_to_csv(
    name: str, verdicts: Mapping[int, Verdict], columns: Mapping[str, Any] | None = None
) -> str:
    """A table of one run's verdicts.

    Args:
        name: of the run.
        verdicts: by number of the slice.
        columns: figures to put beside them, each indexed by number of the slice.
    """
    more = columns or {}
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["run", "slice", "verdict", "note", *more])
    for number, verdict in sorted(verdicts.items()):
        figures = [f"{values[number]:.6g}" for values in more.values()]
        table.writerow([cell(name), number, verdict.said, cell(verdict.note), *figures])
    return text.getvalue()
