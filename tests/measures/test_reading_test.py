"""The plan of a reading test and its statistics, against figures worked out by hand."""

import csv
from collections import Counter

import pytest

from napari_segadv.errors import SegadvError
from napari_segadv.measures.reading_test import (
    ALONE,
    ALTERED,
    ANSWERS,
    LEFT,
    PAIR,
    RIGHT,
    UNALTERED,
    Answer,
    Reading,
    Trial,
    plan,
    save,
    score,
    summary_csv,
    trials_csv,
)


def alone(hits, misses, false_alarms, rejections):
    """Answers of a yes/no test with these counts."""
    cells = [(ALTERED, ALTERED, hits), (ALTERED, UNALTERED, misses)]
    cells += [(UNALTERED, ALTERED, false_alarms), (UNALTERED, UNALTERED, rejections)]
    return [Answer(Trial(1, 0, shown), said, 1.0) for shown, said, n in cells for _ in range(n)]


def pairs(right, wrong):
    answers = [Answer(Trial(1, 0, LEFT), LEFT, 1.0)] * right
    return answers + [Answer(Trial(1, 0, RIGHT), LEFT, 1.0)] * wrong


def test_one_at_a_time_shows_each_image_of_each_run_once():
    trials = plan(5, ALONE, 3)
    assert [t.number for t in trials] == list(range(1, 11))
    assert Counter((t.run, t.shown) for t in trials) == {
        (run, what): 1 for run in range(5) for what in ANSWERS[ALONE]
    }


def test_side_by_side_shows_each_run_once_and_tosses_for_the_side():
    sides = Counter()
    for seed in range(200):
        trials = plan(4, PAIR, seed)
        assert sorted(t.run for t in trials) == [0, 1, 2, 3]
        sides.update(t.shown for t in trials)
    # 800 tosses: 400 and three standard deviations of 14.
    assert set(sides) == {LEFT, RIGHT}
    assert abs(sides[LEFT] - 400) < 43


@pytest.mark.parametrize("mode", [ALONE, PAIR])
def test_a_seed_gives_the_same_order_and_another_seed_another(mode):
    assert plan(8, mode, 7) == plan(8, mode, 7)
    assert len({plan(8, mode, seed) for seed in range(20)}) == 20


def test_a_seeds_order_stays_what_it_was_in_earlier_versions():
    shown = [(t.run, t.shown) for t in plan(2, ALONE, 0)]
    assert shown == [(1, UNALTERED), (1, ALTERED), (0, ALTERED), (0, UNALTERED)]
    assert [(t.run, t.shown) for t in plan(3, PAIR, 0)] == [(2, RIGHT), (1, LEFT), (0, RIGHT)]


def test_the_share_and_its_exact_interval():
    # Clopper and Pearson, 8 of 10: the tables say 44.4 % to 97.5 %; 0 of 5: 0 to 1 - 0.025^(1/5).
    result = score(pairs(8, 2), PAIR)
    assert result.share == 0.8
    assert result.interval == pytest.approx((0.4439, 0.9748), abs=1e-4)
    assert score(pairs(0, 5), PAIR).interval == pytest.approx((0.0, 1 - 0.025**0.2), abs=1e-9)
    assert score(pairs(5, 0), PAIR).interval == pytest.approx((0.025**0.2, 1.0), abs=1e-9)


def test_d_prime_one_at_a_time():
    # Hits (15 + .5) / (20 + 1) = .7381, z .6375; false alarms (5 + .5) / 21 = .2619, z -.6375.
    assert score(alone(15, 5, 5, 15), ALONE).d_prime == pytest.approx(1.2750, abs=2e-4)
    # All right, ten each: z(10.5 / 11) = z(.9545) = 1.6906, twice; finite.
    assert score(alone(10, 0, 0, 10), ALONE).d_prime == pytest.approx(3.3812, abs=2e-4)
    # Bias alone is no sensitivity: always "altered".
    biased = score(alone(10, 0, 10, 0), ALONE)
    assert biased.d_prime == pytest.approx(0.0, abs=1e-12)
    assert biased.share == 0.5


def test_d_prime_side_by_side():
    # (8 + .5) / (10 + 1) = .7727, z .7479, times the root of two.
    assert score(pairs(8, 2), PAIR).d_prime == pytest.approx(1.0577, abs=2e-4)
    assert score(pairs(5, 5), PAIR).d_prime == pytest.approx(0.0, abs=1e-12)


def test_what_can_not_be_known_is_none():
    nothing = score([], ALONE)
    assert (nothing.share, nothing.interval, nothing.d_prime) == (None, None, None)
    assert nothing.lines == ("nothing was answered",)
    only_altered = score(alone(3, 1, 0, 0), ALONE)
    assert only_altered.d_prime is None
    assert "d' unknown" in only_altered.lines[2]


def test_the_result_in_words():
    first, second, third = score(alone(15, 5, 5, 15), ALONE).lines
    assert first == "30 of 40 right (75 %)"
    assert second == "95 % interval 59 % to 87 %: guessing (50 %) is excluded"
    assert third.startswith("d' 1.27 ")
    assert "guessing (50 %) can't be excluded" in score(pairs(3, 2), PAIR).lines[1]


def test_answers_go_through_the_plan():
    reading = Reading(["big heart", "no spleen"], ALONE, 1)
    for trial in reading.trials:
        assert reading.trial == trial
        reading.answer(trial.shown, 2.0)
    assert reading.trial is None
    reading.answer(ALTERED, 1.0)
    assert reading.score.right == reading.score.answered == 4


def test_the_files_hold_every_answer_and_the_seed(tmp_path):
    reading = Reading(["a, b", "c"], PAIR, 5)
    first = reading.trials[0]
    reading.answer(first.shown, 1.25)
    trials, summary = save(reading, tmp_path / "me.csv")
    assert summary.name == "me-summary.csv"
    with trials.open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert line == {
        "trial": "1",
        "run": ("a, b", "c")[first.run],
        "mode": PAIR,
        "shown": first.shown,
        "answer": first.shown,
        "right": "1",
        "seconds": "1.25",
        "seed": "5",
    }
    with summary.open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert (line["answered"], line["trials"], line["right"], line["seed"]) == ("1", "2", "1", "5")
    assert float(line["share_right"]) == 1.0
    assert (float(line["low_95"]), float(line["high_95"])) == (0.025, 1.0)
    assert summary_csv(Reading(["a"], PAIR, 0)).endswith(",1,1,0,0,,,,\n")
    assert len(trials_csv(reading).splitlines()) == 2


def test_a_folder_that_is_not_there_is_an_error_in_one_line(tmp_path):
    with pytest.raises(SegadvError, match="can't be written"):
        save(Reading(["a"], PAIR, 0), tmp_path / "none" / "me.csv")
