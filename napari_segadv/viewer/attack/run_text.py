"""What is said of a run that has ended: the outcome, and what the change looks like."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...common.wording import counted
from ...measures.by_window import Seen, similarity_text

if TYPE_CHECKING:
    from ...results.example import Example


def result_text(example: "Example", seen: Sequence[Seen] = ()) -> str:
    """Return the status lines of a run that has ended: the outcome, and the size of the change.

    Args:
        example: the result.
        seen: how visible the change is in each window, once that is measured.
    """
    similar = similarity_text(example.measures["ssim"], seen)
    found = "; ".join(text for text in (_found(example), similar) if text)
    _, change = example.summary
    return outcome_text(example) + _where(example) + (f": {found}" if found else "") + f"\n{change}"


def outcome_text(example: "Example") -> str:
    """Say in a few words how a run has ended."""
    return f"{example.ending} after {counted(example.record['steps'], 'step')}"


def _where(example: "Example") -> str:
    """Say of which slices the figures are; nothing if they are of the whole image."""
    if "slices" not in example.record:
        return ""
    first, last = example.record["slices"]
    return f", slice {first}" if first == last else f", slices {first} to {last}"


def _found(example: "Example") -> str:
    """Return what the model predicts now, beside the target or the clean prediction."""
    before, after = example.prediction_clean, example.prediction_adversarial
    return example.task.headline(before, after, example.measures)
