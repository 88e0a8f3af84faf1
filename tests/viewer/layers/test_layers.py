"""Scans and masks as layers and back: geometry, colours, names. No window needed."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import disc_image, disc_labels, mask_on, volume_victim
from napari.components import ViewerModel
from napari.layers import Image, Labels
from turned import SAGITTAL, TURN

import napari_segadv as sa
from napari_segadv.data.presentation import Presentation
from napari_segadv.data.scan import Grid, Mask, Scan, Storage
from napari_segadv.errors import SegadvError
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import (
    image_tuple,
    legend,
    looking_like,
    mask_of,
    mask_tuple,
    scan_of,
)
from napari_segadv.viewer.layers.example import example_tuples
from napari_segadv.viewer.layers.places import placed_like, same_place


def layer(made):
    from napari.layers import Layer

    return Layer.create(*made)


@pytest.mark.parametrize("flips", [(1, 1, 1), (1, -1, -1), (-1, 1, -1)])
def test_pixels_lie_in_the_world_where_the_grid_says(flips):
    rng = np.random.default_rng(0)
    grid = Grid((4, 5, 6), (3.0, 1.5, 0.7), (-10.0, 20.0, 30.0), np.diag(np.array(flips, float)))
    scan = Scan(rng.random((4, 5, 6)).astype("float32"), grid, "grey level", Storage("float32"))
    shown = layer(image_tuple(scan))
    for index in ((0, 0, 0), (3, 2, 5), (1, 4, 3)):
        expected = (grid.affine @ [*index, 1])[:3]
        np.testing.assert_allclose(shown.data_to_world(index), expected, atol=1e-9)
    assert tuple(str(u) for u in shown.units) == ("millimeter",) * 3


@pytest.mark.parametrize("turn", [TURN, SAGITTAL], ids=["oblique", "sagittal"])
def test_a_turned_volume_is_shown_by_its_spacing_and_kept(tmp_path, turn):
    from napari_segadv import io
    from napari_segadv.viewer.hooks import write_image

    grid = Grid((4, 5, 6), (3.0, 1.5, 0.7), (-10.0, 20.0, 30.0), turn)
    scan = Scan(np.arange(120, dtype=np.int16).reshape(4, 5, 6), grid, "HU", Storage("int16"))
    data, keywords, _ = image_tuple(scan)
    assert keywords["scale"] == grid.spacing
    assert "affine" not in keywords
    shown = layer((data, keywords, "image"))
    assert scan_of(shown).grid.turned
    viewer = ViewerModel()
    viewer.add_layer(shown)
    viewer.dims.set_current_step(0, 2)
    np.testing.assert_array_equal(shown._slice.image.raw, scan.array[2])
    write_image(str(tmp_path / "o.nii.gz"), shown.data, {"metadata": shown.metadata})
    assert io.read(tmp_path / "o.nii.gz").grid.same_as(grid)


def test_a_scan_comes_back_from_its_layer(ct):
    shown = layer(image_tuple(ct))
    assert scan_of(shown) is ct
    shown.data = np.array(ct.array) + 1
    changed = scan_of(shown)
    assert changed is not ct
    assert changed.grid is ct.grid
    assert changed.units == "HU"
    np.testing.assert_array_equal(changed.array, ct.array + 1)


def test_layers_from_elsewhere():
    plain = scan_of(Image(disc_image()))
    assert (plain.units, plain.grid.physical) == ("grey level", False)
    scaled = scan_of(Image(np.random.rand(3, 4, 5) * 900 - 500, scale=(2, 1, 1)))
    assert (scaled.units, scaled.grid.spacing) == ("HU", (2.0, 1.0, 1.0))
    rgba = np.dstack([disc_image()] * 3 + [np.full((48, 64), 255, np.uint8)])
    assert scan_of(Image(rgba, rgb=True)).array.shape == (48, 64, 3)
    for data, message in (
        (np.zeros((2, 3, 4, 5)), "not a 2-D or 3-D image"),
        (np.full((8, 8), 3.0), "every pixel is the same"),
        (np.array([[1.0, np.nan]]), "NaN"),
    ):
        with pytest.raises(SegadvError, match=message):
            scan_of(Image(data, name="odd"))


def test_messages_call_a_scan_as_its_layer_is_called():
    layer = Image(np.arange(20.0).reshape(4, 5), name="left hand")
    assert scan_of(layer).name == "left hand"
    with pytest.raises(SegadvError, match="needs a volume; left hand is a single image"):
        volume_victim(3).predict(scan_of(layer))
    # One that came from elsewhere has no other name.
    assert Scan.from_array(layer.data).name == "image"
    assert image_tuple(scan_of(layer))[1]["name"] == "left hand"


def test_masks_by_place_not_by_shape(ct):
    image = layer(image_tuple(ct))
    labels = np.zeros(ct.grid.shape, np.uint8)
    labels[3, 4, 5] = 2
    drawn = Labels(labels, **{k: getattr(image, k) for k in ("affine", "scale")})
    assert same_place(drawn, image)
    found = mask_of(drawn, image, ct.grid)
    np.testing.assert_array_equal(found.array, labels)
    drawn.data[0, 0, 0] = 1
    assert found.array[0, 0, 0] == 0
    # The same array in another place is another mask.
    flipped = Grid(
        ct.grid.shape,
        ct.grid.spacing,
        tuple((ct.grid.affine @ [0, ct.grid.shape[1] - 1, ct.grid.shape[2] - 1, 1])[:3]),
        -ct.grid.direction @ np.diag([-1.0, 1.0, 1.0]),
    )
    other = layer(mask_tuple(Mask(labels, flipped), "other"))
    assert not same_place(other, image)
    moved = mask_of(other, image, ct.grid).array
    np.testing.assert_array_equal(moved, labels[:, ::-1, ::-1])


def test_classes_have_the_same_colours_and_names_everywhere(scan2d):
    a = layer(mask_tuple(mask_on(scan2d, disc_labels(), ("ground", "dim", "bright")), "a"))
    b = layer(mask_tuple(mask_on(scan2d, disc_labels() * (disc_labels() == 2)), "b"))
    np.testing.assert_allclose(a.get_color(2), b.get_color(2))
    assert list(a.features["class"]) == ["ground", "dim", "bright"]
    assert a.get_status(position=(24, 48))["value"].endswith("class: bright")
    assert "bright" in legend({1: "dim", 2: "bright"})


def test_windows(ct, scan2d):
    assert ct.shown.limits == (-160.0, 240.0)
    assert scan2d.shown.limits == (0.0, 255.0)
    header = replace(ct, presentation=Presentation.window(40, 80, "window of the header"))
    assert header.shown.limits == (0.0, 80.0)


def test_an_examples_layers_coincide_with_the_image(ct):
    victim = volume_victim(2)
    clean = victim.predict(ct)
    target = clean.with_array(np.where(clean.array == 2, 1, clean.array))
    example = sa.craft(ct, victim, sa.attacks.PGD(epsilon=30.0, steps=2), target=target)
    viewer = ViewerModel()
    image = viewer.add_layer(layer(image_tuple(ct)))
    image.contrast_limits = (-77, 133)
    made = {}
    for name, (data, keywords, kind) in example_tuples(example).items():
        look = looking_like(image) if name == "adversarial" else {}
        made[name] = layer((data, {**look, **placed_like(image), **keywords}, kind))
    for name, shown in made.items():
        assert same_place(shown, image), name
        assert shown.data.shape == image.data.shape
    assert tuple(made["adversarial"].contrast_limits) == (-77, 133)
    low, high = made["noise"].contrast_limits
    assert low == -high == -example.measures["linf"]
    middle = made["noise"].colormap.map(np.array([0.5]))[0]
    np.testing.assert_allclose(middle[:3], 0, atol=0.01)
    np.testing.assert_array_equal(made["prediction (clean)"].data, clean.array)


def test_labels_with_class_names_are_chosen_in_3d_before_the_pointer_moved():
    viewer = ViewerModel()
    Controller.of(viewer)
    image = viewer.add_image(np.zeros((4, 8, 8)))
    named = {"index": [0, 1], "class": ["background", "liver"]}
    labels = viewer.add_labels(np.ones((4, 8, 8), int), features=named)
    viewer.mouse_over_canvas = True
    viewer.dims.ndisplay = 3
    viewer.layers.selection.active = image
    # napari 0.9 alone: TypeError, len() of unsized object.
    viewer.layers.selection.active = labels
    assert viewer.layers.selection.active is labels
