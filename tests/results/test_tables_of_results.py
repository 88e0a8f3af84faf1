"""Results in words: what was asked for and what was reached, never better than it is."""

from dataclasses import replace

import pytest

import napari_segadv as sa
from napari_segadv.results.tables import SHARES, compared, facts, outcome


@pytest.fixture
def target(scan2d, band_victim):
    labels = band_victim.predict(scan2d).array.copy()
    labels[:20] = 0
    return labels


@pytest.fixture
def craft(scan2d, band_victim, target):
    """An example of PGD with some settings."""

    def run(**settings):
        attack = sa.attacks.PGD(**{"epsilon": 12.0, "steps": 2, **settings})
        return sa.craft(scan2d, band_victim, attack, target=target)

    return run


def test_the_goal_and_the_steps_asked_for_and_taken(craft):
    # A goal this low is reached before the last step.
    found = facts(craft(goal=0.05, epsilon=60.0, steps=40))
    assert found["goal"] == "0.05"
    assert found["kind"] == "targeted"
    assert found["goal reached"] == "yes"
    assert found["steps"] == "40"
    assert int(found["steps taken"]) < 40


def test_no_goal_and_an_untargeted_attack(scan2d, band_victim):
    attack = sa.attacks.PGD(epsilon=12.0, steps=3, goal=None)
    found = facts(sa.craft(scan2d, band_victim, attack))
    assert (found["goal"], found["kind"]) == ("none", "untargeted")
    assert found["steps"] == found["steps taken"] == "3"


def rows_of(*examples):
    return {title: values for title, *values in compared(["one", "two"], examples)}


def test_results_that_differ_in_their_goal_alone(craft):
    rows = rows_of(craft(goal=0.9), craft(goal=0.95))
    assert rows["goal"] == ["0.9", "0.95"]
    assert rows["kind"] == ["targeted", "targeted"]
    assert "steps" not in rows


def test_results_that_differ_in_their_steps_alone(craft):
    rows = rows_of(craft(steps=1, goal=None), craft(steps=3, goal=None))
    assert rows["steps"] == ["1", "3"]
    assert rows["steps taken"] == ["1", "3"]
    assert "goal" not in rows


@pytest.mark.parametrize("name", SHARES)
def test_shares_are_rounded_down(craft, name):
    example = craft()
    example = replace(example, measures={**example.measures, name: 0.99996})
    texts = [text for text in facts(example).values() if text.startswith("0.999")]
    assert "0.999" in texts
    assert "1" not in {text for title, text in facts(example).items() if title == "SSIM"}
    better = replace(example, measures={**example.measures, name: 1.0})
    assert "1.000" in facts(better).values()


def test_what_is_no_share_is_rounded_to_the_nearest(craft):
    example = craft()
    example = replace(example, measures={**example.measures, "psnr": 41.99996, "mean_abs": 0.99996})
    found = facts(example)
    assert found["PSNR (dB)"] == "42"
    assert found["mean change (grey level)"] == "1"


def test_a_result_in_a_line_says_no_more_than_was_reached(craft):
    example = craft()
    example = replace(example, measures={**example.measures, "target_iou": 0.98999})
    assert outcome(example).endswith("IoU 0.989")
