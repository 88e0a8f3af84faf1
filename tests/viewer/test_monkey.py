"""A user who does anything in any order meets no traceback, and no layer of another image."""

import pytest
from monkey import Monkey

EACH = 500


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_done_layers_stay_with_their_image(window, qtbot, weights_file, tmp_path, seed):
    monkey = Monkey(window, weights_file, tmp_path, seed)
    with qtbot.capture_exceptions() as raised:
        monkey.go(EACH)
    assert not raised, monkey.log[-12:]
