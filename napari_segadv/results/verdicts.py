"""A reader's verdicts on slices, as JSON that is saved with a run and as CSV for a spreadsheet."""

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
    """A reader's verdict on a slice: one of VERDICTS, or "" if there is only a note."""

    said: str = ""
    note: str = ""


def verdicts_to_json(verdicts: Mapping[int, Verdict]) -> list[dict[str, Any]]:
    """Turn verdicts by number of the slice into values for `json.dump`, in order of slices."""
    return [
        {"slice": number, "verdict": verdict.said, "note": verdict.note}
        for number, verdict in sorted(verdicts.items())
    ]


def verdicts_from_json(values: Any) -> dict[int, Verdict]:
    """Turn the values of `verdicts_to_json` back into verdicts.

    Raises:
        SegadvError: if the values are anything else.
    """
    found: dict[int, Verdict] = {}
    for value in values if isinstance(values, list) else [values]:
        match value:
            case {"slice": int(number), "verdict": str(said), "note": str(note)}:
                known = number >= 0 and said in ("", *VERDICTS) and can_be_written(note)
            case _:
                known = False
        if not known:
            raise SegadvError(
                f"verdicts: {value!r} is no verdict; each needs a slice, a verdict and a note"
            )
        found[number] = Verdict(said, note)
    return found


def verdicts_to_csv(
    name: str, verdicts: Mapping[int, Verdict], columns: Mapping[str, Any] | None = None
) -> str:
    """Write the verdicts on one run as a CSV table.

    Args:
        name: name of the run.
        verdicts: by number of the slice.
        columns: figures to add by title, each indexed by number of the slice.
    """
    more = columns or {}
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["run", "slice", "verdict", "note", *more])
    for number, verdict in sorted(verdicts.items()):
        figures = [f"{values[number]:.6g}" for values in more.values()]
        table.writerow([cell(name), number, verdict.said, cell(verdict.note), *figures])
    return text.getvalue()
