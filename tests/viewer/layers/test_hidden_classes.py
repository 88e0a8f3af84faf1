"""Classes are hidden by their colours: data, colours and the colormap itself stay."""

import numpy as np
import pytest
from helpers import disc_labels
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_segadv.common.palette import colour
from napari_segadv.viewer.layers.convert import class_keywords
from napari_segadv.viewer.layers.hidden_classes import colour_of, hide_classes, is_hidden

CLASSES = ("background", "dim", "bright")


@pytest.fixture
def layer():
    return Labels(disc_labels(), **class_keywords(CLASSES))


def drawn(layer):
    """The opacity of each pixel, as it is drawn."""
    return layer.colormap.map(layer.data)[..., 3]


def test_a_class_disappears_and_comes_back(layer):
    data, colormap = layer.data.copy(), layer.colormap
    colours = {n: rgba.copy() for n, rgba in colormap.color_dict.items()}
    hide_classes(layer, {1}, (1, 2))
    np.testing.assert_array_equal(drawn(layer) > 0, data == 2)
    assert (is_hidden(layer, 1), is_hidden(layer, 2)) == (True, False)
    np.testing.assert_allclose(colour_of(layer, 1), colour(1), atol=1e-6)
    hide_classes(layer, (), (1, 2))
    np.testing.assert_array_equal(drawn(layer) > 0, data > 0)
    np.testing.assert_array_equal(layer.data, data)
    assert layer.colormap is colormap
    for n, rgba in colours.items():
        np.testing.assert_array_equal(colormap.color_dict[n], rgba)


def test_the_users_own_colours_stay(layer):
    own = {None: (0, 0, 0, 0), 0: (0, 0, 0, 0), 1: (1.0, 1.0, 0, 1.0), 2: (0, 1.0, 1.0, 0.5)}
    layer.colormap = DirectLabelColormap(color_dict=own)
    hide_classes(layer, {1, 2}, (1, 2))
    assert not drawn(layer).any()
    hide_classes(layer, set(), (1, 2))
    np.testing.assert_allclose(layer.get_color(1), own[1])
    # An opacity of the user's own is not kept while the class is hidden.
    np.testing.assert_allclose(layer.get_color(2)[:3], own[2][:3])
    assert layer.get_color(2)[3] == 1


def test_colours_that_napari_cycles_through_stay(layer):
    layer = Labels(disc_labels())
    before = [np.array(layer.get_color(n)) for n in (1, 2)]
    hide_classes(layer, set(), (1, 2))
    assert not isinstance(layer.colormap, DirectLabelColormap)
    hide_classes(layer, {2}, (1, 2))
    np.testing.assert_array_equal(drawn(layer) > 0, layer.data == 1)
    hide_classes(layer, set(), (1, 2))
    for number, colours in zip((1, 2), before, strict=True):
        np.testing.assert_allclose(layer.get_color(number), colours, atol=1e-6)


def test_one_colour_for_all_classes(layer):
    """As Compare draws contours: what is hidden is hidden there too, the rest has that colour."""
    green = (0.15, 0.85, 0.35)
    lent = DirectLabelColormap(color_dict={None: (*green, 1.0), 0: (0, 0, 0, 0)})
    layer.colormap = lent
    hide_classes(layer, {1}, (1, 2))
    np.testing.assert_array_equal(drawn(layer) > 0, layer.data == 2)
    np.testing.assert_allclose(layer.get_color(2), (*green, 1.0), atol=1e-6)
    hide_classes(layer, set(), (1, 2))
    shown = layer.colormap.map(layer.data)[layer.data > 0, :3]
    np.testing.assert_allclose(shown, np.broadcast_to(green, shown.shape), atol=1e-6)
    assert layer.colormap is lent


def test_nothing_is_drawn_again_for_nothing(layer):
    heard = []
    layer.events.colormap.connect(heard.append)
    hide_classes(layer, set(), (1, 2))
    assert not heard
    hide_classes(layer, {1}, (1, 2))
    hide_classes(layer, {1}, (1, 2))
    assert len(heard) == 1
