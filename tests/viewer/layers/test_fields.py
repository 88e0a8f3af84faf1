"""Displacement and intensity fields as layers: where the arrows point, whose layers they are."""

import numpy as np
import pytest
from helpers import volume_victim
from napari.components import ViewerModel
from napari.layers import Image, Layer, Vectors

import napari_segadv as sa
from napari_segadv.viewer.controller.shown_layers import ShownLayers
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.example import example_tuples
from napari_segadv.viewer.layers.fields import MOST_ARROWS, arrows
from napari_segadv.viewer.layers.places import placed_like


def test_an_arrow_shows_where_a_pixel_went():
    displacement = np.zeros((40, 64, 2), np.float32)
    displacement[:20] = (0.0, -3.0)  # what was three pixels to the left is here now
    data, look = arrows(displacement)
    assert set(map(tuple, data[:, 1])) == {(0.0, 3.0)}
    assert data[:, 0, 0].max() < 20
    assert np.diff(np.unique(data[:, 0, 1])).tolist() == [2.0] * 31
    assert look["length"] == 1.0
    np.testing.assert_allclose(look["features"]["pixels"], 3.0)
    assert arrows(displacement / 100)[1]["length"] == pytest.approx(2 / 0.03)
    nothing, _ = arrows(np.zeros_like(displacement))
    assert nothing.shape == (0, 2, 2)


def test_every_slice_of_a_volume_has_arrows_but_not_too_many():
    displacement = np.ones((200, 64, 64, 3), np.float32)
    data, _ = arrows(displacement)
    assert 20_000 < len(data) <= MOST_ARROWS
    assert np.unique(data[:, 0, 0]).tolist() == list(range(200))


@pytest.mark.parametrize("dims", [2, 3])
def test_the_fields_lie_on_the_image(dims, scan2d, ct, band_victim):
    scan, victim = scan2d, band_victim
    if dims == 3:
        scan, victim = ct, volume_victim(3)
    attack = sa.attacks.Deform(steps=2, intensity=20.0)
    shown = example_tuples(sa.craft(scan, victim, attack))
    clean = Layer.create(*image_tuple(scan))
    made = {}
    for name, (data, keywords, kind) in shown.items():
        made[name] = Layer.create(data, {**placed_like(clean), **keywords}, kind)
    assert isinstance(made["displacement"], Vectors)
    assert isinstance(made["intensity"], Image)
    for name in ("displacement", "intensity"):
        where = made[name].data_to_world((3,) * dims)
        np.testing.assert_allclose(where, clean.data_to_world((3,) * dims))
    low, high = made["intensity"].contrast_limits
    assert low == -high < 0
    plain = example_tuples(sa.craft(scan, victim, sa.attacks.FGSM(epsilon=3.0)))
    assert not {"displacement", "intensity"} & set(plain)


def test_fields_of_an_earlier_attack_are_taken_away_but_not_the_users():
    viewer = ViewerModel()
    results, image = ShownLayers(viewer), viewer.add_image(np.ones((4, 4)))
    for name in ("displacement", "intensity"):
        results.show(image, name, (np.zeros((4, 4)), {}, "image"))
    kept = results.get("intensity")
    kept.name = "mine"
    results.remove("displacement", "intensity", "never shown")
    assert list(viewer.layers) == [image, kept]
