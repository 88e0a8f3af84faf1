"""Boxes: which of them match, how well two sets agree, and what they are called."""

import numpy as np
import pytest

from napari_segadv.data.boxes import Boxes, f1, matches, mean_precision, overlap, swapped
from napari_segadv.data.scan import Grid

GRID = Grid.pixels((40, 60))
CLASSES = ("background", "bubble", "blur")


def boxes(*corners, labels=None, scores=()):
    plain = Boxes.of(corners, labels or [1] * len(corners), GRID, CLASSES)
    return Boxes(plain.corners, plain.labels, GRID, np.array(scores, np.float32), CLASSES)


def test_overlap_is_intersection_over_union():
    found = overlap(
        np.array([[0, 0, 4, 4]], np.float32),
        np.array([[0, 0, 4, 4], [0, 2, 4, 6], [4, 4, 6, 6], [1, 1, 3, 3]], np.float32),
    )
    np.testing.assert_allclose(found, [[1, 8 / 24, 0, 4 / 16]], rtol=1e-6)


def test_axes_are_swapped_corner_by_corner():
    corners = np.array([[1, 2, 3, 4]], np.float32)
    np.testing.assert_array_equal(swapped(corners), [[2, 1, 4, 3]])
    np.testing.assert_array_equal(swapped(swapped(corners)), corners)


def test_a_box_is_matched_once_and_the_best_first():
    truth = boxes((0, 0, 10, 10))
    found = boxes((0, 0, 10, 8), (0, 0, 10, 10), (20, 20, 30, 30))
    assert matches(found, truth) == [(1, 0)]
    assert f1(found, truth) == pytest.approx(2 / 4)


def test_other_classes_match_only_when_asked_for_and_last():
    truth = boxes((0, 0, 10, 10), (0, 0, 10, 9), labels=[2, 1])
    found = boxes((0, 0, 10, 9), labels=[2])
    assert matches(found, truth) == [(0, 0)]
    assert matches(found.pick(np.array([0])), truth.pick(np.array([1]))) == []
    assert matches(found, truth.pick(np.array([1])), any_class=True) == [(0, 0)]
    assert matches(found, truth, any_class=True) == [(0, 0)]


def test_nothing_agrees_with_nothing():
    assert f1(boxes(), boxes()) == 1
    assert f1(boxes(), boxes((0, 0, 5, 5))) == 0
    assert matches(boxes(), boxes((0, 0, 5, 5))) == []


def test_average_precision_by_hand():
    truth = [boxes((0, 0, 10, 10), (20, 20, 30, 30)), boxes((0, 0, 10, 10), labels=[2])]
    found = [
        boxes((0, 0, 10, 10), (10, 40, 20, 50), (20, 20, 30, 30), scores=(0.9, 0.8, 0.7)),
        boxes((0, 0, 10, 10), labels=[2], scores=(0.4,)),
    ]
    ap = mean_precision(found, truth, CLASSES)
    # At COCO's 101 recalls: precision 1 up to a recall of one half, then 2/3.
    assert ap["bubble"] == pytest.approx((51 + 50 * 2 / 3) / 101, abs=1e-6)
    assert ap["blur"] == pytest.approx(1)


def test_boxes_say_what_they_are():
    one = boxes((1, 2, 3, 5), labels=[2], scores=(0.914,))
    assert one.texts == ("blur 0.91",)
    assert one.data == [{"class": "blur", "label": 2, "score": 0.914, "box": [2, 1, 5, 3]}]
    assert boxes((1, 2, 3, 5), labels=[7]).texts == ("class 7",)
    assert boxes().data == []


def test_pick_keeps_scores_with_their_boxes():
    chosen = boxes((0, 0, 1, 1), (0, 0, 2, 2), scores=(0.6, 0.7)).pick(np.array([False, True]))
    np.testing.assert_array_equal(chosen.corners, [[0, 0, 2, 2]])
    np.testing.assert_allclose(chosen.scores, [0.7])
