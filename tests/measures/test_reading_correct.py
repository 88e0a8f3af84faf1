"""What a d' means in right answers, in each mode of the reading test."""

import numpy as np
import pytest

from napari_segadv.measures.reading_test import (
    ALONE,
    ALTERED,
    LEFT,
    PAIR,
    UNALTERED,
    Answer,
    Trial,
    correct_at,
    score,
)

# Green and Swets 1966: Phi(d'/2) for yes or no, Phi(d'/sqrt 2) for two alternatives.
SHARES = {(ALONE, 1): 0.6915, (ALONE, 2): 0.8413, (PAIR, 1): 0.7602, (PAIR, 2): 0.9214}


@pytest.mark.parametrize(("mode", "d_prime"), SHARES)
def test_the_share_of_right_answers(mode, d_prime):
    assert correct_at(d_prime, mode) == pytest.approx(SHARES[mode, d_prime], abs=1e-4)
    assert correct_at(0, mode) == 0.5
    assert correct_at(-d_prime, mode) == pytest.approx(1 - SHARES[mode, d_prime], abs=1e-4)


@pytest.mark.parametrize("d_prime", [1.0, 2.0])
def test_the_share_that_readers_have(d_prime):
    """Readers who see a number, drawn with a mean of 0 or d' and a deviation of 1."""
    random = np.random.default_rng(0)
    clean, altered = random.standard_normal(200_000), random.standard_normal(200_000) + d_prime
    alone = np.mean([(altered > d_prime / 2).mean(), (clean < d_prime / 2).mean()])
    assert correct_at(d_prime, ALONE) == pytest.approx(alone, abs=4e-3)
    assert correct_at(d_prime, PAIR) == pytest.approx((altered > clean).mean(), abs=4e-3)


def test_the_line_about_d_prime():
    answers = [Answer(Trial(1, 0, shown), shown, 1.0) for shown in (ALTERED, UNALTERED)] * 4
    assert score(answers, ALONE).lines[2].endswith(" (0: guessing, 1: 69 % right, 2: 84 %)")
    pairs = [Answer(Trial(1, 0, LEFT), LEFT, 1.0)] * 8
    assert score(pairs, PAIR).lines[2].endswith(" (0: guessing, 1: 76 % right, 2: 92 %)")


@pytest.mark.parametrize("mode", [ALONE, PAIR])
def test_a_score_knows_its_mode(mode):
    shown = ALTERED if mode == ALONE else LEFT
    assert score([Answer(Trial(1, 0, shown), shown, 1.0)], mode).mode == mode
    assert score([], mode).mode == mode
