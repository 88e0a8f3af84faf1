"""Clicks as a layer of points: what each lies on, in which colour and pixel. Without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Points
from now import NowRunner

from napari_segadv.common.palette import colour
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.clicks import (
    BACKGROUND,
    choose,
    chosen,
    clicks_in,
    clicks_tuple,
    kinds_of,
    offer,
    recolour,
)

CLASSES = ("background", "liver", "spleen")
KINDS = kinds_of((BACKGROUND, "spleen", "liver"), CLASSES)


@pytest.fixture
def image():
    affine = np.diag([-3.0, 1.5, 0.5, 1.0])
    affine[:3, 3] = 10, -20, 5
    return Image(np.zeros((6, 20, 24)), affine=affine)


def layer_of(image, places, kinds=KINDS):
    data, keywords, _ = clicks_tuple(places, kinds, image)
    return Points(data, affine=image.affine.affine_matrix.copy(), **keywords)


def test_structures_have_the_colours_of_the_predictions():
    assert [kind.name for kind in KINDS] == ["spleen", "liver", BACKGROUND]
    assert [kind.colour for kind in KINDS] == [colour(2), colour(1), (1.0, 1.0, 1.0)]
    assert [kind.symbol for kind in KINDS] == ["disc", "disc", "cross"]
    (alone,) = kinds_of(("",), ("background", "Nuclei"))
    assert (alone.name, alone.title, alone.colour) == ("", "Nuclei", colour(1))
    # What the model has no class for looks like none of its classes.
    strange = kinds_of(("tumour", "node"), CLASSES)
    assert len({kind.colour for kind in (*strange, *KINDS)}) == 5


def test_the_next_click_is_chosen_without_changing_the_last(image):
    layer = layer_of(image, {})
    assert chosen(layer) == "spleen"
    layer.add([1, 2, 3])
    choose(layer, BACKGROUND)
    layer.add([2, 2, 3])
    assert clicks_in(layer, image) == {"spleen": [[1, 2, 3]], BACKGROUND: [[2, 2, 3]]}
    np.testing.assert_allclose(layer.face_color[:, :3], [colour(2), (1, 1, 1)], atol=1e-3)
    layer.selected_data = {0}
    assert chosen(layer) == "spleen"


def test_a_click_lies_in_the_pixel_whose_centre_is_nearest(image):
    layer = layer_of(image, {"liver": [[1, 2, 3]]})
    layer.data = [[1.49, 1.51, 3.2]]
    assert clicks_in(layer, image) == {"liver": [[1, 2, 3]]}
    # Moved in the console: the pixel of the image under it counts.
    layer.translate = (2.0, 0.0, -1.0)
    assert clicks_in(layer, image) == {"liver": [[3, 2, 2]]}
    elsewhere = Points([layer.data_to_world([1, 2, 3])], features={"structure": ["x"]})
    assert clicks_in(elsewhere, image) == {"x": [[3, 2, 2]]}


def test_another_model_has_other_structures_and_colours(image):
    layer = layer_of(image, {"liver": [[1, 2, 3]], "spleen": [[2, 2, 2]]})
    offer(layer, kinds_of(("spleen", "kidney"), ("background", "spleen", "kidney")))
    # The clicks stay what they are; those that are known get the model's colours.
    assert clicks_in(layer, image) == {"liver": [[1, 2, 3]], "spleen": [[2, 2, 2]]}
    np.testing.assert_allclose(layer.face_color[1, :3], colour(1), atol=1e-3)
    assert chosen(layer) == "spleen"
    np.testing.assert_allclose(layer._face.current_color[:3], colour(1), atol=1e-3)


def test_points_without_a_structure_are_named(image):
    layer = layer_of(image, {"liver": [[1, 2, 3]]})
    layer.features = {"structure": ["<b>liver"]}
    recolour(layer)
    np.testing.assert_allclose(layer.face_color[0, :3], 1.0)
    assert clicks_in(layer, image) == {"<b>liver": [[1, 2, 3]]}
    bare = Points([[1, 2, 3]], affine=image.affine.affine_matrix)
    assert clicks_in(bare, image) == {"None": [[1, 2, 3]]}
    assert chosen(bare) is None


ODD = (None, 3, {}, {"points": 3}, {"points": {"a": [[1, 2]]}}, {"points": {"a": "b"}})


@pytest.mark.parametrize("shown", ODD)
def test_a_record_with_odd_clicks_brings_none(shown):
    viewer = ViewerModel()
    controller = Controller(viewer, NowRunner())
    image = viewer.add_image(np.random.default_rng(0).random((4, 5, 6)))
    controller.clicks.restore(image, shown)
    assert controller.clicks.layer(image) is None
    assert controller.clicks.on(image) is None
    controller.clicks.restore(image, {"points": {"a": [[1, 2, 3]]}})
    assert controller.clicks.on(image) == {"a": [[1, 2, 3]]}
