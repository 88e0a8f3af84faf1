"""A user who does anything in any order meets no traceback, and no layer of another image."""

from traceback import format_exception

import pytest
from monkey import Monkey, save_victim

# 2,500 actions in all. Each test is short enough for its time limit on a machine with other work.
SEEDS, OVERLAPPING, EACH = 16, 4, 125


@pytest.mark.parametrize("seed", range(SEEDS + OVERLAPPING))
def test_whatever_is_done_layers_stay_with_their_image(window, qtbot, tmp_path, seed):
    weights = save_victim(tmp_path, overlapping=seed >= SEEDS)
    monkey = Monkey(window, weights, tmp_path, seed)
    with qtbot.capture_exceptions() as raised:
        monkey.go(EACH)
    told = "".join("".join(format_exception(error)) for _, error, _ in raised)
    assert not raised, f"{told}after {', '.join(monkey.log[-12:])}"
