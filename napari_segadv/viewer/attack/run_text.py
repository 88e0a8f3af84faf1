"""What is said of a run that has ended: the outcome, and what the change looks like."""

from typing import TYPE_CHECKING

from ...common.wording import counted, percent, share

if TYPE_CHECKING:
    from ...results.example import Example


def result_text(example: "Example") -> str:
    """Return the status lines of a run that has ended: the outcome, and the size of the change."""
    found = _found(example)
    _, change = example.summary
    return outcome_text(example) + (f": {found}" if found else "") + f"\n{change}"


def outcome_text(example: "Example") -> str:
    """Say in a few words how a run has ended."""
    steps = counted(example.record["steps"], "step")
    return f"{'goal reached' if example.succeeded else _stopped_at(example)} after {steps}"


def _stopped_at(example: "Example") -> str:
    """Return how near to its goal a run came."""
    from ...attacks.base import DEFAULT_GOAL  # late: it imports torch

    shares = [example.measures[name] for name in ("moved", "kept")]
    reached = min(value for value in shares if value is not None)
    if not reached:
        # A classifier's class is reached or it is not: no share is worth showing.
        return "stopped"
    goal = example.record["parameters"].get("goal")
    best = percent(reached).removesuffix(" %")
    return f"stopped at {best} of {100 * (DEFAULT_GOAL if goal is None else goal):g} %"


def _found(example: "Example") -> str:
    """Return what the model predicts now, beside the target or the clean prediction."""
    figures = example.measures
    if figures["target_iou"] is None:
        before, after = example.prediction_clean, example.prediction_adversarial
        return example.task.headline(before, after, figures)
    # The IoU of a target without structures says nothing: one pixel left over makes it 0.
    drawn = bool(figures["target_iou_per_class"])
    iou = share(figures["target_iou"]) if drawn else "\N{EN DASH}"
    return (
        f"target IoU {iou}, changed as asked {percent(figures['moved'])}, "
        f"left intact {percent(figures['kept'])}"
    )
