"""Several contours of one structure: twice, crossing, nested, and beside the slices."""

import dicom_sources as made
import numpy as np
import pytest
from test_contours import contour

from napari_segadv import io
from napari_segadv.errors import SegadvError

SHAPE = (6, 21, 27)


@pytest.fixture
def scan(tmp_path):
    return io.read(made.ct(tmp_path / "ct", made.stored_volume())[0])


def box(top, left, bottom, right):
    """Corners round the pixels [top, bottom) x [left, right)."""
    low, high, first, last = top - 0.5, bottom - 0.5, left - 0.5, right - 0.5
    return [(low, first), (low, last), (high, last), (high, first)]


def pixels(*boxes):
    found = np.zeros(SHAPE[1:], bool)
    for top, left, bottom, right in boxes:
        found[top:bottom, left:right] = True
    return found


def read(tmp_path, scan, drawn, kind="CLOSED_PLANAR"):
    """The mask of contours, each a height in slices and its corners."""
    places = [contour(scan, height, corners) for height, corners in drawn]
    path = made.rtstruct(tmp_path / "rs.dcm", {1: ("a", places)}, kind)
    return io.read_mask(path, scan.grid)


SQUARE = box(3, 4, 13, 16)
SAME = {
    "as it is": SQUARE,
    "another start": SQUARE[2:] + SQUARE[:2],
    "backwards": SQUARE[::-1],
    "closed by its first corner": [*SQUARE, SQUARE[0]],
    "more corners": [*SQUARE[:1], (2.5, 9.0), *SQUARE[1:]],
    "rounded otherwise": [(row + 1e-3, column - 1e-3) for row, column in SQUARE],
    "three times": None,
}


@pytest.mark.parametrize("again", SAME.values(), ids=SAME)
def test_the_same_contour_twice_counts_once(tmp_path, scan, again):
    drawn = [(2, SQUARE)] * 3 if again is None else [(2, SQUARE), (2, again)]
    mask = read(tmp_path, scan, drawn)
    np.testing.assert_array_equal(mask.array[2], pixels((3, 4, 13, 16)))
    assert not mask.notes


OVERLAPS = {
    "crossing": ((3, 4, 9, 11), (6, 8, 13, 16), "join", True),
    "crossing in a narrow strip": ((3, 4, 9, 11), (3, 10, 9, 20), "join", True),
    "nested": ((3, 4, 13, 16), (5, 6, 8, 9), "hole", False),
    "nested at an edge": ((3, 4, 13, 16), (3, 6, 8, 9), "hole", False),
    "side by side": ((3, 4, 9, 11), (3, 11, 9, 18), "join", False),
    "apart": ((3, 4, 6, 7), (10, 12, 14, 16), "join", False),
}


@pytest.mark.parametrize(("one", "other", "becomes", "told"), OVERLAPS.values(), ids=OVERLAPS)
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "", "CLOSEDPLANAR_XOR"])
def test_two_contours(tmp_path, scan, one, other, becomes, told, turned, kind):
    drawn = [(2, box(*one)), (2, box(*other))]
    mask = read(tmp_path, scan, drawn[::-1] if turned else drawn, kind)
    union, xor = pixels(one, other), pixels(one) ^ pixels(other)
    by_xor = becomes == "hole" or kind == "CLOSEDPLANAR_XOR"
    np.testing.assert_array_equal(mask.array[2], xor if by_xor else union)
    crossing = [note for note in mask.notes if "cross each other on 1 slice and are joined" in note]
    assert bool(crossing) == (told and kind != "CLOSEDPLANAR_XOR")


def test_an_island_in_a_hole_and_a_hole_where_two_cross(tmp_path, scan):
    rings = [(1, box(1, 1, 19, 19)), (1, box(4, 4, 16, 16)), (1, box(8, 8, 12, 12))]
    expected = pixels((1, 1, 19, 19)) & ~pixels((4, 4, 16, 16)) | pixels((8, 8, 12, 12))
    np.testing.assert_array_equal(read(tmp_path, scan, rings[::-1]).array[1], expected)
    crossing = [(1, box(1, 1, 12, 12)), (1, box(4, 4, 18, 18)), (1, box(7, 7, 9, 9))]
    expected = pixels((1, 1, 12, 12), (4, 4, 18, 18)) & ~pixels((7, 7, 9, 9))
    np.testing.assert_array_equal(read(tmp_path, scan, crossing).array[1], expected)


@pytest.mark.parametrize("offset", [-0.5, -0.45, -0.35, -0.2, -0.05, 0, 0.05, 0.2, 0.35, 0.45, 0.5])
@pytest.mark.parametrize("jitter", [0, 0.02])
def test_no_offset_leaves_slices_empty_without_a_word(tmp_path, scan, offset, jitter):
    heights = np.arange(1, 5) + offset + jitter * np.array([1, -1, -1, 1])
    drawn = [(height, SQUARE) for height in heights]
    if abs(offset) > 0.4:
        with pytest.raises(SegadvError, match="half-way between the slices of the image") as caught:
            read(tmp_path, scan, drawn)
        assert "\n" not in str(caught.value)
        return
    mask = read(tmp_path, scan, drawn)
    filled = [bool(plane.any()) for plane in mask.array]
    assert filled == [False, True, True, True, True, False]
    beside = [note for note in mask.notes if "beside the slices" in note]
    assert bool(beside) == (abs(offset) > 0.1)


def test_one_thin_contour_between_two_slices_blocks_no_other_structure(tmp_path, scan):
    places = {
        1: ("a", [contour(scan, height, box(3, 4, 9, 11)) for height in np.arange(1, 4, 0.5)]),
        2: ("b", [contour(scan, 2.5, box(12, 15, 16, 20))]),
    }
    path = made.rtstruct(tmp_path / "rs.dcm", places)
    assert io.read_mask(path, scan.grid).array[3, 12:16, 15:20].all()


def test_thinner_contours_fill_the_nearest_slices(tmp_path, scan):
    """At a half between two slices, always the upper one: to the even one would leave gaps."""
    drawn = [(height, box(3, 4 + n, 5, 5 + n)) for n, height in enumerate(np.arange(1, 4, 0.5))]
    mask = read(tmp_path, scan, drawn)
    columns = [np.flatnonzero(plane.any(axis=0)).tolist() for plane in mask.array]
    assert columns == [[], [4], [5, 6], [7, 8], [9], []]
    assert "thinner slices" in mask.notes[0]
