"""Whether a `result.json` from anywhere holds all that is shown of a result."""

from pathlib import Path
from typing import Any

from .errors import SegadvError
from .example import Example
from .json_entries import Entry

RESULT = "result.json"
COPY = "restore it from a copy of the folder"
# What it holds besides the record.
ELSEWHERE = ("measures", "measures_before_saving", "notes", "window", "adversarial")


def checked_record(result: Entry) -> dict[str, Any]:
    """The record in `result.json`, once all is there that the viewer shows of it.

    Raises:
        SegadvError: otherwise.
    """
    for name in ("method", "goal"):
        result.text(name)
    for name in ("seed", "steps"):
        result.whole(name)
    result.flag("succeeded")
    result.entry("parameters")
    budget = result.entry("budget")
    for name in ("norm", "units"):
        budget.text(name)
    if budget.values.get("epsilon") is not None:
        budget.number("epsilon")
    for name in ("measures", "measures_before_saving"):
        figures = result.entry(name)
        figures.text("units")
        for figure in ("l2", "linf", "linf_percent_of_window", "mean_abs"):
            figures.number(figure)
        for figure in ("target_iou", "moved", "kept", "iou_with_clean", "ssim", "psnr"):
            if figures.values.get(figure, figures) is not None:
                figures.number(figure)
    return {name: value for name, value in result.values.items() if name not in ELSEWHERE}


def check_told(example: Example, path: Path) -> None:
    """Refuses figures that the summary can't be made of."""
    try:
        summary = example.summary
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise SegadvError(f"{path}: lacks figures of the result ({error}); {COPY}") from None
    assert summary
