"""Hostile names of classes on layers: napari gets short plain ones, and the true ones come back."""

import numpy as np
from foreign import HOSTILE, faults, might_be_rich
from napari.layers import Image, Shapes

from napari_segadv.common.screen import NAME
from napari_segadv.data.boxes import Boxes
from napari_segadv.data.grade import Grade
from napari_segadv.data.scan import Grid
from napari_segadv.viewer.layers.convert import class_keywords, legend
from napari_segadv.viewer.layers.tasks.classification import band
from napari_segadv.viewer.layers.tasks.detection import boxes_in, outlines

CLASSES = ("background", *HOSTILE.values())
GRID = Grid.pixels((40, 60))


def check(names):
    for name in names:
        assert faults(name, NAME) == []
        assert not might_be_rich(name)


def test_features_of_labels():
    check(class_keywords(CLASSES)["features"]["class"])
    assert class_keywords(("background", "left kidney"))["features"]["class"][1] == "left kidney"


def test_boxes_keep_the_names_that_they_stand_for():
    corners = np.array([[2.0, 2.0, 10.0, 10.0]] * len(HOSTILE), np.float32)
    boxes = Boxes.of(corners, list(range(1, len(CLASSES))), GRID, CLASSES)
    data, keywords, _ = outlines(boxes)
    layer = Shapes(data, **keywords)
    check(layer.features["class"])
    assert [box["class"] for box in boxes_in(layer, Image(np.zeros(GRID.shape)))] == [*CLASSES[1:]]


def test_the_text_of_a_grade():
    for number, name in enumerate(CLASSES):
        _, keywords, _ = band(f"clean: {name}", Grade(number, CLASSES), GRID, above=True)
        check(keywords["features"]["text"])


def test_a_legend_keeps_names_of_two_words_together_and_breaks_long_ones():
    text = legend({1: "left kidney", 2: "<b>" + "x" * 100})
    assert "left&nbsp;kidney" in text
    assert "&lt;b&gt;" in text
    assert "x" * 20 not in text
