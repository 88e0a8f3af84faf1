"""Boxes as JSON: what is written reads back, and an invalid box is named."""

import json

import numpy as np
import pytest

from napari_segadv import SegadvError
from napari_segadv.data.boxes import Boxes
from napari_segadv.data.scan import Grid
from napari_segadv.io.boxes import read_boxes, write_boxes

GRID = Grid.pixels((40, 60))
CLASSES = ("background", "bubble", "blur")


def write_json(folder, content):
    path = folder / "boxes.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_prediction_is_a_valid_target(tmp_path):
    given = Boxes(
        np.array([[1.25, 2, 30, 41.5], [0, 0, 40, 60]], np.float32),
        np.array([2, 1]),
        GRID,
        np.array([0.75, 0.5], np.float32),
        CLASSES,
    )
    path = tmp_path / "boxes.json"
    write_boxes(given, path)
    content = json.loads(path.read_text())
    assert content["task"] == "detection"
    assert content["size"] == [60, 40]
    assert content["boxes"][0]["box"] == [2, 1.25, 41.5, 30]
    back = read_boxes(path, GRID, CLASSES)
    np.testing.assert_array_equal(back.corners, given.corners)
    np.testing.assert_array_equal(back.labels, given.labels)
    assert back.path == path
    assert not len(back.scores)


def test_a_bare_list_and_labels_do(tmp_path):
    path = write_json(tmp_path, [{"box": [10, 0, 70, 20], "label": 2}])
    back = read_boxes(path, GRID, CLASSES)
    np.testing.assert_array_equal(back.corners, [[0, 10, 20, 60]])  # cut at the image's edge
    assert read_boxes(write_json(tmp_path, {"boxes": []}), GRID, CLASSES).count == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ({"objects": []}, "has no list of boxes"),
        (["bubble"], "box 1 is invalid"),
        ([{"box": [0, 0, 5, 5], "class": "bubble"}, {"box": [0, 0, 5], "label": 1}], "box 2"),
        ([{"box": [0, 0, 5, 5], "class": "polyp"}], "polyp is not a known class; known are bubble"),
        ([{"box": [0, 0, 5, 5], "label": 0}], "a number from 1"),
        ([{"box": [0, 0, 5, 5], "label": True}], "a number from 1"),
        ([{"box": [5, 5, 5, 9], "label": 1}], "empty or lies outside"),
        ([{"box": [70, 0, 90, 9], "label": 1}], "empty or lies outside"),
        ([{"box": [0, 0, float("nan"), 9], "label": 1}], "NaN is not a valid number"),
        ([{"box": "0055", "label": 1}], "4 numbers"),
        ([{"box": [True, False, 5, 5], "label": 1}], "4 numbers"),
        ([{"box": [0, 0, 10**400, 5], "label": 1}], "not valid JSON"),
        ([{"box": [0, 0, 5, 5], "label": 2**70}], "not valid JSON"),
        ([{"box": [0, 0, 5, 5], "label": 1}] * 1001, "holds 1001 boxes, but at most 1000"),
    ],
)
def test_what_cannot_be_meant_is_named(tmp_path, content, message):
    path = write_json(tmp_path, content)
    with pytest.raises(SegadvError, match="boxes.json.*" + message):
        read_boxes(path, GRID, CLASSES)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SegadvError, match="gone.json: can't be read"):
        read_boxes(tmp_path / "gone.json", GRID, CLASSES)
    with pytest.raises(SegadvError, match="can't be written"):
        write_boxes(Boxes.of([], [], GRID), tmp_path / "no" / "x.json")
