"""Generators that are run to their end, or as a part of another."""

import pytest

from napari_segadv.common.generators import finished, relayed


def counting(log, last=3):
    """Yields 1 to `last`, returns their sum, and notes in `log` that it was closed."""
    try:
        yield from range(1, last + 1)
        return sum(range(last + 1))
    finally:
        log.append("closed")


def test_to_its_end():
    assert finished(counting([])) == 6
    assert finished(counting([], last=0)) == 0


def whole(log, told):
    found = yield from relayed(counting(log), told)
    return f"found {found}"


def test_as_a_part():
    run = whole([], lambda n: 10 * n)
    assert [next(run) for _ in range(3)] == [10, 20, 30]
    with pytest.raises(StopIteration, match="found 6"):
        next(run)


def test_what_is_not_told_is_left_out_and_zero_is_not():
    assert list(relayed(counting([]), lambda n: None if n == 2 else n - 1)) == [0, 2]


def test_closing_closes_the_part_first():
    log = []
    run = whole(log, float)
    next(run)
    run.close()
    assert log == ["closed"]


def test_an_error_in_what_is_told_closes_the_part():
    log = []
    with pytest.raises(ZeroDivisionError):
        finished(whole(log, lambda n: 1 / (n - 2)))
    assert log == ["closed"]
