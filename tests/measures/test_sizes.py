"""How large structures are, and where: in pixels, ml and mm², on which slice."""

import numpy as np
import pytest

from napari_segadv.common.wording import amount
from napari_segadv.data.scan import Grid
from napari_segadv.errors import Cancelled
from napari_segadv.measures.sizes import change_text, size_text, structures, widest


def volume():
    labels = np.zeros((6, 20, 24), np.uint16)
    labels[1:5, 3:9, 4:8] = 2
    labels[3, 2:10, 3:12] = 2
    labels[5, 19, 23] = 300
    return labels


def test_pixels_and_boxes():
    found = structures(volume())
    assert set(found) == {2, 300}
    assert found[2].pixels == (volume() == 2).sum()
    assert found[2].box == (slice(1, 5), slice(2, 10), slice(3, 12))
    assert found[300].box == (slice(5, 6), slice(19, 20), slice(23, 24))
    flat = structures(volume()[3])
    assert flat[2].box == (slice(2, 10), slice(3, 12))
    assert structures(np.zeros((4, 5), np.uint8)) == {}


def test_one_class_alone():
    assert structures(volume(), only=2) == {2: structures(volume())[2]}
    assert structures(volume(), only=7) == {}
    # Painted labels may be of any type, and of numbers that no table has room for.
    wide = volume().astype(np.int64) - (volume() == 300) * 1000
    assert structures(wide, only=2)[2] == structures(volume())[2]


def test_measuring_can_be_stopped():
    calls = []

    def poll():
        calls.append(1)
        if len(calls) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        structures(volume(), poll)
    assert len(calls) == 3


def test_the_slice_where_it_is_largest():
    labels, found = volume(), structures(volume())[2]
    assert [widest(labels, found, axis) for axis in range(3)] == [3, 6, 6]
    # Through a cylinder all are alike, and the middle one shows it best.
    cylinder = np.zeros((9, 5, 5), np.uint8)
    cylinder[2:7, 1:4, 1:4] = 1
    assert widest(cylinder, structures(cylinder)[1], 0) == 4


def test_units():
    deep = Grid((4, 5, 6), (2.0, 0.5, 0.5), (0.0,) * 3, np.eye(3))
    flat = Grid((5, 6), (0.5, 0.5), (0.0,) * 2, np.eye(2))
    assert size_text(deep, 4000) == "2 ml"
    assert size_text(deep, 69134) == "34.6 ml"
    assert size_text(flat, 400) == "100 mm²"
    assert size_text(Grid.pixels((5, 6)), 19747) == "19,747 pixels"
    assert size_text(Grid.pixels((4, 5, 6)), 12) == "12 voxels"
    assert change_text(deep, 2_960_000, 24_000) == "1,480 → 12 ml"
    assert change_text(flat, 0, 400) == "0 → 100 mm²"
    assert [amount(value) for value in (0.0, 0.0517, 99.96, 1234567.0)] == [
        "0",
        "0.0517",
        "100",
        "1,234,567",
    ]
