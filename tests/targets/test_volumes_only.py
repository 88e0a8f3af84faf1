"""Shapes that are for volumes only."""

import numpy as np
import pytest

from napari_segadv import targets
from napari_segadv.data.scan import Grid, Mask
from napari_segadv.errors import SegadvError


@pytest.mark.parametrize("name", targets.available())
def test_filling_alone_is_for_volumes_only(name):
    assert targets.for_volumes_only(name) is (name == "fill")


@pytest.mark.parametrize("name", targets.available())
def test_what_is_for_volumes_only_refuses_an_image_and_nothing_else_does(name):
    array = np.zeros((60, 60), np.uint8)
    array[10:40, 10:40] = 1
    array[45:50, 45:50] = 2
    mask = Mask(array, Grid.pixels(array.shape))
    settings = {"shift": {"shift": (1, 1)}, "swap": {"to": 2}}.get(name, {})
    if targets.for_volumes_only(name):
        with pytest.raises(SegadvError, match="2-D"):
            targets.get(name)(mask, 1, **settings)
    else:
        assert targets.get(name)(mask, 1, **settings).array.shape == array.shape


def test_an_unknown_shape_is_named():
    with pytest.raises(SegadvError, match="target star: unknown"):
        targets.for_volumes_only("star")
