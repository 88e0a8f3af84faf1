"""A user who does anything in any order with a model that takes clicks."""

from traceback import format_exception

import pytest
from interactive import flat
from monkey import Monkey

SEEDS, EACH = 4, 125


@pytest.mark.parametrize("seed", range(100, 100 + SEEDS))
def test_a_prediction_is_of_the_clicks_or_is_said_not_to_be(window, qtbot, tmp_path, seed):
    monkey = Monkey(window, flat(tmp_path), tmp_path, seed)
    # What is about clicks comes as often as all else together.
    about = [name for name in monkey.kinds if "click" in name or name == "do_predict"]
    monkey.kinds += about * (len(monkey.kinds) // len(about))
    with qtbot.capture_exceptions() as raised:
        monkey.go(EACH)
    told = "".join("".join(format_exception(error)) for _, error, _ in raised)
    assert not raised, f"{told}after {', '.join(monkey.log[-12:])}"
    assert sum("click" in name for name in monkey.log) > EACH / 6
