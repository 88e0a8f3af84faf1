"""What is left of each structure, by class and by size."""

import numpy as np
import pytest

from napari_segadv.data.overlapping import Overlapping
from napari_segadv.data.scan import Grid, Mask
from napari_segadv.measures.by_structure import Fallen, by_class, by_size, fallen
from napari_segadv.measures.labels import overlaps

NAMES = ("background", "large", "small")


def mask(rows, names=NAMES, spacing=None):
    array = np.array(rows, np.uint8)
    grid = Grid.pixels(array.shape)
    return Mask(array, grid, names)


def test_each_structure_of_the_truth_by_itself():
    truth = mask([[1, 1, 1, 1, 1, 1], [0, 0, 2, 2, 0, 0]])
    before = mask([[1, 1, 1, 1, 1, 1], [0, 0, 2, 0, 0, 0]])
    after = mask([[1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 0, 0]])
    large, small = fallen(truth, before, after)
    assert (large.name, large.pixels, large.before) == ("large", 6, 1.0)
    assert large.after == pytest.approx(2 * 3 / (6 + 5))
    assert (small.name, small.pixels, small.units) == ("small", 2, "pixels")
    assert (small.before, small.after) == (pytest.approx(2 / 3), 0.0)
    # Their mean is the figure of the result.
    told = overlaps(before, after, target=None, truth=truth, care=None)
    assert told["dice_with_truth"] == pytest.approx((large.after + small.after) / 2)
    assert told["dice_with_truth_clean"] == pytest.approx((large.before + small.before) / 2)


def test_a_class_that_the_truth_lacks_is_no_structure():
    truth, other = mask([[1, 1, 0]]), mask([[1, 2, 2]])
    assert [one.name for one in fallen(truth, other, other)] == ["large"]


def test_overlapping_structures_count_on_their_own_maps():
    grid = Grid.pixels((1, 4))
    maps = {
        "truth": [[[1, 1, 1, 1]], [[0, 1, 1, 0]]],
        "after": [[[1, 1, 1, 1]], [[0, 0, 1, 0]]],
    }
    made = {name: Overlapping.of(np.array(m), grid, ["whole", "core"]) for name, m in maps.items()}
    found = fallen(made["truth"], made["truth"], made["after"])
    assert [(one.name, one.pixels) for one in found] == [("whole", 4), ("core", 2)]
    assert [one.after for one in found] == [1.0, pytest.approx(2 / 3)]


def structures(*sizes, units="mm²"):
    return [
        Fallen("a" if size < 10 else "b", 2 * size, float(size), units, 1.0, size / 100)
        for size in sizes
    ]


def test_groups_by_class():
    groups = by_class(structures(50, 2, 4))
    assert [(one.name, one.count) for one in groups] == [("b", 1), ("a", 2)]
    assert groups[1].after == pytest.approx(0.03)
    assert groups[1].before == 1.0


def test_thirds_by_size():
    groups = by_size(structures(7, 1, 30, 2, 8, 20))
    assert [one.name for one in groups] == ["1 to 2 mm²", "7 to 8 mm²", "20 to 30 mm²"]
    assert [one.count for one in groups] == [2, 2, 2]
    assert [one.after for one in groups] == pytest.approx([0.015, 0.075, 0.25])


@pytest.mark.parametrize("count", range(1, 12))
def test_every_structure_is_in_one_part(count):
    for sizes in (range(1, count + 1), [5] * count, [5] * (count // 2) + list(range(6, 6 + count))):
        groups = by_size(structures(*sizes))
        assert sum(one.count for one in groups) == len(sizes)
        assert 1 <= len(groups) <= 3
        assert all(one.count for one in groups)


def test_sizes_of_different_units_are_compared_in_pixels():
    mixed = [*structures(3, 9), *structures(4, units="pixels")]
    assert [one.name for one in by_size(mixed)] == ["6 pixels", "8 pixels", "18 pixels"]
    assert by_size([]) == []
