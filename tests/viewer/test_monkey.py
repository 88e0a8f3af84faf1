"""A user who does anything in any order meets no traceback, and no layer of another image."""

from traceback import format_exception

import pytest
from monkey import Monkey

# 2,000 actions in all. Each test is short enough for its time limit on a machine with other work.
SEEDS, EACH = 16, 125


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_is_done_layers_stay_with_their_image(window, qtbot, weights_file, tmp_path, seed):
    monkey = Monkey(window, weights_file, tmp_path, seed)
    with qtbot.capture_exceptions() as raised:
        monkey.go(EACH)
    told = "".join("".join(format_exception(error)) for _, error, _ in raised)
    assert not raised, f"{told}after {', '.join(monkey.log[-12:])}"
