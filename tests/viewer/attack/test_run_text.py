"""What the attack panel says of a run: a step, the outcome, and a target without structures."""

from dataclasses import replace

import pytest

from napari_segadv.data.window_presets import WindowPreset
from napari_segadv.measures.by_window import Seen
from napari_segadv.viewer.attack.run_text import result_text
from napari_segadv.viewer.controller.runner import Snapshot
from napari_segadv.viewer.widgets.progress import progress_text, waiting_text


def test_a_step_is_said_with_the_share_that_is_reached():
    now = Snapshot(3, 40, 0.13, 0.699)
    assert progress_text(now, True) == "Step 3 of 40, 69 % of the target reached"
    assert progress_text(now, False) == "Step 3 of 40, 69 % away from the clean prediction"
    # Rounded down: 99 % is the goal.
    assert "98 %" in progress_text(replace(now, success=0.9899), True)


def ended(example, succeeded, steps=6, goal=0.99, **figures):
    """An example with another outcome."""
    parameters = {**example.record["parameters"], "goal": goal}
    record = {**example.record, "succeeded": succeeded, "steps": steps, "parameters": parameters}
    return replace(example, record=record, measures={**example.measures, **figures})


def test_a_result_is_said_in_two_lines(flat):
    figures = {"target_iou": 0.98765, "moved": 0.978, "kept": 0.9988, "ssim": 0.98765}
    found = "target IoU 0.987, changed as asked 97.8 %, left intact 99.8 %; SSIM 0.987"
    first, second = result_text(ended(flat, False, **figures)).split("\n")
    assert first == f"stopped at 97.8 of 99 % after 6 steps: {found}"
    assert second == flat.summary[1]
    first, _ = result_text(ended(flat, True, steps=1, **figures)).split("\n")
    assert first == f"goal reached after 1 step: {found}"


@pytest.mark.parametrize(("goal", "line"), [(None, "of 99 %"), (0.985, "of 98.5 %")])
def test_the_goal_is_the_one_that_was_set(flat, goal, line):
    assert line in result_text(ended(flat, False, goal=goal, moved=0.5, kept=0.75))


def test_a_target_without_structures_has_no_iou(flat):
    figures = {"target_iou": 0.0, "target_iou_per_class": {}, "moved": 0.9, "kept": 1.0}
    line = "target IoU \N{EN DASH}, changed as asked 90.0 %, left intact 100.0 %"
    assert line in result_text(ended(flat, False, **figures))


def test_nothing_reached_has_no_share(flat):
    line = result_text(ended(flat, False, moved=0.0, kept=1.0))
    assert line.startswith("stopped after 6 steps: ")


def test_an_untargeted_result_is_said_with_its_share(deep):
    line = result_text(ended(deep, False, steps=2, moved=0.42, kept=None, ssim=0.9))
    assert line.startswith("stopped at 42.0 of 99 % after 2 steps: SSIM 0.900\nlargest change ")
    line = result_text(ended(deep, False, steps=2, moved=0.42, kept=None, ssim=None))
    assert line.startswith("stopped at 42.0 of 99 % after 2 steps\nlargest change ")


def seen(name, ssim):
    return Seen(WindowPreset(name, 0.0, 100.0), ssim, 30.0, 1.0, 1)


def test_the_window_where_the_change_shows_most_is_named(flat):
    example = ended(flat, True, ssim=0.98765)
    first, _ = result_text(example, [seen("bone", 0.99), seen("lung", 0.91999)]).split("\n")
    assert first.endswith("; SSIM 0.987, worst window 0.919 (lung)")
    # An image with one window has no worst one.
    assert "worst" not in result_text(example, [seen("full range", 0.9)])


def test_the_time_left_is_said_in_round_numbers():
    now = Snapshot(3, 40, 0.13, 0.699, 42.0)
    line = "Step 3 of 40, 69 % of the target reached, about 40 s left"
    assert progress_text(now, True) == line
    assert progress_text(replace(now, left=190.0), True).endswith(", about 3 min left")
    last = replace(now, step=40, left=0.0)
    assert progress_text(last, True).endswith("reached, measuring the result")


def test_what_waits_is_listed_in_short():
    assert waiting_text([]) == ""
    assert waiting_text(["a", "b"]) == "then: a, b"
    assert waiting_text(["a", "b", "c", "d", "e"]) == "then: a, b, c, 2 more"


@pytest.mark.parametrize(
    ("slices", "words"), [([5, 9], ", slices 5 to 9: "), ([5, 5], ", slice 5: ")]
)
def test_figures_of_some_slices_say_so(deep, slices, words):
    example = ended(deep, False, steps=2, moved=0.42, ssim=0.9)
    example = replace(example, record={**example.record, "slices": slices})
    assert f" after 2 steps{words}SSIM" in result_text(example)
