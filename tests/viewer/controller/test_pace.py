"""The time left: said once it is stable, from the last steps, whatever the first step took."""

import pytest

from napari_segadv.viewer.controller.pace import FEWEST, SETTLED, SPAN, Pace, in_words


def left(times, steps=100):
    """The time left after each step, whose times are given."""
    pace, now, found = Pace(), 0.0, []
    for step, seconds in enumerate(times, 1):
        now += seconds
        pace.add(step, now)
        found.append(pace.left(steps))
    return found


def test_steps_of_one_length():
    found = left([2.0] * 10)
    assert found[: FEWEST - 1] == [None] * (FEWEST - 1)
    assert found[FEWEST - 1 :] == [pytest.approx(2.0 * (100 - n)) for n in range(FEWEST, 11)]


def test_a_slow_first_step_does_not_count():
    assert left([60.0, *[2.0] * 9]) == left([2.0] * 10)


def test_nothing_is_said_before_the_pace_is_even():
    uneven = [1.0, 1.0, 9.0, 0.5, 8.0, 0.5]
    assert left(uneven)[3] is None
    # Once it was, it is always said.
    found = left([*[1.0] * 6, *uneven])
    assert None not in found[FEWEST:]


def test_quick_steps_are_told_after_a_second():
    found = left([0.01] * 300, steps=1000)
    first = next(n for n, one in enumerate(found) if one is not None)
    assert first * 0.01 == pytest.approx(SETTLED, abs=0.02)
    assert found[-1] == pytest.approx(7.0)


def test_it_follows_a_machine_that_becomes_slower():
    found = left([1.0] * 20 + [3.0] * 20, steps=100)
    assert found[-1] == pytest.approx(3.0 * 60, rel=0.1)
    assert SPAN < 20 * 3.0


def test_steps_that_come_in_bursts_as_on_a_gpu():
    """Nine steps are queued at once, the tenth waits for them."""
    found = left([*[0.001] * 9, 1.0] * 6, steps=100)
    assert found[-1] == pytest.approx(0.1 * 40, rel=0.2)


def test_a_step_that_is_told_twice_counts_once():
    pace = Pace()
    for now in range(10):
        pace.add(3, float(now))
    assert pace.left(100) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "a moment"),
        (3.0, "about 5 s"),
        (27.0, "about 25 s"),
        (43.0, "about 40 s"),
        (56.0, "about 1 min"),
        (190.0, "about 3 min"),
        (3540.0, "about 59 min"),
        (3600.0, "about 1 h"),
        (5300.0, "about 1.5 h"),
    ],
)
def test_round_numbers(seconds, words):
    assert in_words(seconds) == words
