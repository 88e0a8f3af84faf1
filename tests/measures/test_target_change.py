"""How a target differs from a prediction, against figures counted by hand."""

import time

import numpy as np
import pytest
from helpers import disc_labels

from napari_segadv.data.scan import Grid
from napari_segadv.measures.labels import Overlap
from napari_segadv.measures.target_change import target_change


def test_nothing_changed():
    labels = disc_labels()
    found = target_change(labels, labels, Grid.pixels(labels.shape))
    assert (found.pixels, found.structures) == (0, ())


def test_pixels_iou_and_area():
    before = disc_labels()
    after = np.where(before == 2, 0, before)
    after[:2, :5] = 1
    grid = Grid(before.shape, (2.0, 0.5), (0.0, 0.0), np.eye(2))
    found = target_change(after, before, grid)
    assert found.pixels == 10 + (before == 2).sum()
    gone, grown = found.structures
    assert (gone.label, gone.iou, gone.after) == (2, 0.0, 0)
    assert (grown.label, grown.after - grown.before) == (1, 10)
    assert grown.iou == pytest.approx(Overlap.of(after, before).iou(1))
    assert (found.number(10), found.units) == (10.0, "mm²")


def test_a_volume_in_ml_and_an_image_without_geometry():
    before = np.zeros((4, 10, 10), np.uint8)
    after = before.copy()
    after[1:3, 2:7, 2:7] = 60_000 % 256
    grid = Grid(before.shape, (5.0, 2.0, 2.0), (0.0,) * 3, np.eye(3))
    found = target_change(after, before, grid)
    assert (found.number(found.pixels), found.units) == (50 * 20 / 1000, "ml")
    assert [change.iou for change in found.structures] == [0.0]
    plain = target_change(after, before, Grid.pixels(before.shape))
    assert (plain.number(50), plain.units) == (50.0, "voxels")


def test_class_numbers_may_be_large():
    before = np.zeros((8, 8), np.int64)
    after = before.copy()
    after[0] = 65_000
    assert target_change(after, before, Grid.pixels((8, 8))).structures[0].label == 65_000


def test_it_stops_within_a_slice():
    volume = np.zeros((50, 8, 8), np.uint8)
    polled = []

    def poll():
        polled.append(time.monotonic())
        if len(polled) == 3:
            raise KeyError

    with pytest.raises(KeyError):
        target_change(volume, volume, Grid.pixels(volume.shape), poll)
    assert len(polled) == 3
