"""Grids, storage and bounds."""

from dataclasses import replace

import numpy as np
import pytest

from napari_segadv import io
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.errors import SegadvError


def test_affine_maps_index_to_world_in_array_order():
    angle = np.deg2rad(20)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    grid = Grid((4, 5, 6), (3.0, 2.0, 1.0), (10.0, 20.0, 30.0), turn)
    index = np.array([1, 2, 3, 1])
    expected = turn @ (np.array([3.0, 4.0, 3.0])) + [10, 20, 30]
    np.testing.assert_allclose((grid.affine @ index)[:3], expected)
    assert grid.turned


def test_flipped_grids_of_one_shape_are_different_places():
    plain = Grid((4, 5, 6), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    flipped = Grid((4, 5, 6), (1.0, 1.0, 1.0), (0.0, 0.0, 5.0), np.diag([1.0, 1.0, -1.0]))
    assert plain.same_as(plain)
    assert not plain.same_as(flipped)
    assert not flipped.turned


def test_photographs_lie_on_each_other_pixel_for_pixel():
    assert Grid.pixels((4, 5)).same_as(Grid.pixels((4, 5)))
    assert not Grid.pixels((4, 5)).same_as(Grid.pixels((5, 4)))


def test_a_scan_protects_its_pixels_and_leaves_the_callers_array_alone():
    mine = np.zeros((4, 5), np.uint8)
    scan = Scan(mine, Grid.pixels((4, 5)), "grey level", Storage("uint8"))
    with pytest.raises(ValueError):
        scan.array[0, 0] = 1
    mine[0, 0] = 7
    assert mine.flags.writeable


@pytest.mark.parametrize(
    ("dtype", "units", "expected"),
    [
        ("uint8", "grey level", (0, 255)),
        ("int16", "HU", (-1024, 3071)),
        ("float32", "grey level", (-2, 5)),
    ],
)
def test_bounds(dtype, units, expected):
    array = np.array([[-2, 5], [0, 1]], dtype=np.float32).clip(0 if dtype == "uint8" else -2)
    scan = Scan(array.astype(dtype), Grid.pixels((2, 2)), units, Storage(dtype))
    assert scan.bounds == expected


def test_storage_limits_follow_the_slope():
    assert Storage("uint8", slope=-2.0, intercept=10.0).limits == (-500.0, 10.0)
    assert Storage("int16", slope=0.5).quantum == 0.5
    assert Storage("float32").quantum == 0.0


def test_an_array_that_is_no_image_is_refused():
    with pytest.raises(SegadvError, match="not a 2-D or 3-D image"):
        Scan.from_array(np.zeros((2, 3, 4, 5)))


@pytest.mark.parametrize(
    ("storage", "values"),
    [
        (Storage("uint8"), np.array([[0, 300]])),
        (Storage("uint8"), np.array([[-1.0, 3.0]])),
        (Storage("int16"), np.array([[0, np.nan]])),
        (Storage("int16", 0.5, 10.0), np.array([[0.0, 17000.0]])),
        (Storage("int64"), np.array([[0, 2**63]], np.uint64)),
        (Storage("float32"), np.array([[0, 1e39]])),
    ],
)
def test_what_a_type_can_not_hold_is_never_wrapped(tmp_path, storage, values):
    with pytest.raises(ValueError, match=storage.dtype):
        storage.encode(values)
    scan = replace(Scan.from_array(values), storage=storage)
    with pytest.raises(SegadvError, match=r"a.nii: .*can't be stored"):
        io.save(scan, tmp_path / "a.nii")
    assert not (tmp_path / "a.nii").exists()


def test_the_ends_of_a_type_can_be_stored():
    assert Storage("uint8").encode(np.array([-0.4, 255.4])).tolist() == [0, 255]
    assert Storage("int16", 0.5, 10.0).encode(np.array([-16374.0, 16393.5])).tolist() == [
        -32768,
        32767,
    ]
    assert Storage("float32").encode(np.array([np.inf, np.nan]))[0] == np.inf
