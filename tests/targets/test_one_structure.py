"""Target shapes of overlapping structures: one changes on its own map, the others stay."""

import numpy as np
import pytest

from napari_segadv import targets
from napari_segadv.data.overlapping import Overlapping, combinations
from napari_segadv.data.scan import Grid, Mask
from napari_segadv.errors import SegadvError

GRID = Grid((8, 40, 44), (2.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
NAMES = ("whole", "core", "spot")
SETTINGS = {
    "shift": {"shift": (0, 3, -2)},
    "grow": {"mm": 2.0},
    "shrink": {"mm": 1.0},
}


def tumour():
    """A block in a block in a block; the spot on two slices alone."""
    maps = np.zeros((3, *GRID.shape), bool)
    maps[0, 1:7, 8:32, 8:32] = True
    maps[1, 2:6, 12:26, 12:26] = True
    maps[2, [3, 5], 16:22, 16:22] = True
    return Overlapping.of(maps, GRID, NAMES)


@pytest.mark.parametrize("name", sorted(set(targets.available()) - {"swap"}))
@pytest.mark.parametrize("label", [1, 2, 4])
def test_a_shape_makes_of_a_structure_what_it_makes_of_it_alone(name, label):
    if name == "fill" and label != 4:
        return  # only the spot has a gap
    mask, shape = tumour(), targets.get(name)
    settings = SETTINGS.get(name, {})
    found = shape(mask, label=label, **settings)
    assert isinstance(found, Overlapping)
    place = label.bit_length() - 1
    alone = shape(Mask(mask.maps[place].astype(np.uint8), GRID), label=1, **settings)
    np.testing.assert_array_equal(found.maps[place], alone.array == 1)
    others = [k for k in range(3) if k != place]
    np.testing.assert_array_equal(found.maps[others], mask.maps[others])
    assert (found.array != mask.array).any()
    assert found.made[-1]["shape"] == name
    assert found.made[-1]["label"] == label


def test_two_maps_are_exchanged():
    found = targets.swap(tumour(), label=1, to=2)
    np.testing.assert_array_equal(found.maps, tumour().maps[[1, 0, 2]])
    with pytest.raises(SegadvError, match="name two different structures"):
        targets.swap(tumour(), label=2, to=2)


def test_one_part_of_a_structure():
    found = targets.erase(tumour(), label=4, component=(3, 18, 18))
    assert not found.maps[2, 3].any()
    assert found.maps[2, 5].any()


def test_shapes_follow_each_other():
    found = targets.shift(targets.erase(tumour(), label=4), label=2, shift=(0, 1, 1))
    assert [step["shape"] for step in found.made] == ["erase", "shift"]
    assert [step["label"] for step in found.made] == [4, 2]


def test_what_is_no_single_structure_is_refused():
    with pytest.raises(SegadvError, match=r"3 is whole \+ core; choose a single structure from 1"):
        targets.erase(tumour(), label=3)
    with pytest.raises(SegadvError, match="has no structure 9"):
        targets.erase(tumour(), label=9)
    with pytest.raises(SegadvError, match="leave out --to 2"):
        targets.erase(tumour(), label=1, to=2)


def test_names_of_combinations():
    assert tumour().classes == combinations(NAMES)
