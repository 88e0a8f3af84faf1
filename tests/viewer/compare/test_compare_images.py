"""Swipe, difference and window: what the Compare panel shows, without a window."""

import numpy as np
import pytest
from compared import colour_example, shown
from napari.components import ViewerModel
from roles import has, role

from napari_segadv.errors import SegadvError
from napari_segadv.viewer.compare.comparison import Comparison
from napari_segadv.viewer.compare.halves import Halves
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import ADVERSARIAL, NOISE


def seen(layer, flipped=False):
    """The picture of a layer's slice as it lies on the screen."""
    picture = layer._slice.image.view
    return picture[:, ::-1] if flipped else picture


def test_swipe_in_two_dimensions(flat):
    viewer, controller, comparison = shown(flat)
    comparison.compare("swipe")
    swipe = role(viewer, "swipe")
    clean, adversarial = flat.clean.array, flat.adversarial.array
    comparison.set_share(0.25)
    np.testing.assert_array_equal(seen(swipe)[:, :16], clean[:, :16])
    np.testing.assert_array_equal(seen(swipe)[:, 17:], adversarial[:, 17:])
    assert set(np.unique(seen(swipe)[:, 16])) == {0, 255}
    comparison.set_share(0.0)
    np.testing.assert_array_equal(seen(swipe)[:, 1:], adversarial[:, 1:])
    comparison.set_share(1.0)
    np.testing.assert_array_equal(seen(swipe)[:, :-1], clean[:, :-1])
    assert viewer.layers.index(swipe) == viewer.layers.index(controller.shown(ADVERSARIAL)) + 1
    assert controller.made(swipe)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1)])
def test_swipe_in_a_flipped_volume_from_all_sides(deep, order):
    viewer, controller, comparison = shown(deep)
    comparison.compare("swipe")
    viewer.dims.order = order
    viewer.dims.set_current_step(order[0], 3)
    comparison.set_share(0.5)
    swipe, image = role(viewer, "swipe"), viewer.layers["image"]
    across = order[-1]
    flipped = across != 0
    one, two = seen(image, flipped), seen(controller.shown(ADVERSARIAL), flipped)
    made, half = seen(swipe, flipped), deep.clean.array.shape[across] // 2
    # The line itself may lie on either side of the middle.
    np.testing.assert_array_equal(made[:, : half - 1], one[:, : half - 1])
    np.testing.assert_array_equal(made[:, half + 1 :], two[:, half + 1 :])
    assert (one[:, half + 1 :] != two[:, half + 1 :]).any()
    mode = comparison.mode
    np.testing.assert_allclose(mode.share_at(np.full(3, mode.world())), 0.5)
    np.testing.assert_allclose(swipe.data_to_world((1, 2, 3)), image.data_to_world((1, 2, 3)))


def test_swipe_leaves_in_three_dimensions(deep):
    viewer, controller, comparison = shown(deep)
    said = []
    comparison.left.connect(said.append)
    comparison.compare("swipe")
    viewer.dims.ndisplay = 3
    assert not has(viewer, "swipe")
    assert "2-D only" in said[0]
    with pytest.raises(SegadvError, match="2-D first"):
        comparison.compare("swipe")
    comparison.compare("blink")


def test_halves_are_sliced_as_arrays_are():
    rng = np.random.default_rng(0)
    clean, other = rng.normal(size=(2, 4, 6, 8, 3))
    halves = Halves(clean, other, lambda: (2, 3, True, 1), lambda: (9.0, 9.0))
    whole = np.asarray(halves)
    expected = np.where(np.arange(8)[None, None, :, None] < 3, clean, other)
    expected[:, :, 3] = 9
    np.testing.assert_array_equal(whole, expected)
    for key in [(1,), (slice(1, 3), 2), (..., 0), (0, slice(None), slice(2, 7, 2)), (0, 1, 5)]:
        if key == (0, 1, 5):
            np.testing.assert_array_equal(halves[key], other[key])
        else:
            np.testing.assert_array_equal(halves[key], expected[key])


def test_the_line_is_wide_enough_to_be_seen_in_a_small_picture(flat):
    viewer, _, comparison = shown(flat)
    comparison.compare("swipe")
    for zoom, columns in ((3.0, 1), (0.4, 3), (1.0, 1)):
        viewer.scene.camera.zoom = zoom
        off = seen(role(viewer, "swipe")) != flat.clean.array
        lines = off & (seen(role(viewer, "swipe")) != flat.adversarial.array)
        assert np.count_nonzero(lines.any(axis=0)) == columns
    comparison.compare("")
    viewer.scene.camera.zoom = 0.2
    assert not has(viewer, "swipe")


def test_the_line_is_dashed_in_a_slab_of_a_volume_too():
    clean = np.zeros((3, 16, 8), np.int16)
    halves = Halves(clean, clean, lambda: (2, 3, True, 1), lambda: (9, 5))
    for key in [(1,), (slice(1, 2),)]:
        line = halves[key].reshape(16, 8)[:, 3]
        np.testing.assert_array_equal(line, np.repeat([9, 5, 9, 5], 4))


def test_colours(flat):
    example = colour_example(flat)
    viewer, controller, comparison = shown(example)
    assert comparison.window.limits is None
    comparison.window.set(40, 400)
    comparison.compare("swipe")
    swipe = role(viewer, "swipe")
    assert swipe.rgb
    np.testing.assert_array_equal(seen(swipe)[:, :32], example.clean.array[:, :32])
    np.testing.assert_array_equal(seen(swipe)[:, 33:], example.adversarial.array[:, 33:])
    assert (255, 220, 0) in {tuple(x) for x in seen(swipe)[:, 32]}
    comparison.compare("difference")
    most = 255 / 2 / comparison.gain
    assert comparison.strongest == f"strongest colour at ±{most:.3g} grey levels"


def test_difference_follows_gain_and_window(deep):
    viewer, controller, comparison = shown(deep)
    comparison.compare("difference")
    layer, image = role(viewer, "difference"), viewer.layers["image"]
    np.testing.assert_array_equal(layer.data, controller.shown(NOISE).data)
    assert layer.data is controller.shown(NOISE).data
    # At first the largest change has about the strongest colour.
    assert layer.contrast_limits[1] == pytest.approx(deep.measures["linf"], rel=0.5)
    comparison.set_gain(10)
    assert tuple(layer.contrast_limits) == (-20.0, 20.0)
    comparison.window.set(40, 100)
    assert tuple(layer.contrast_limits) == (-5.0, 5.0)
    assert tuple(image.contrast_limits) == (-10.0, 90.0)
    controller._shown.remove(NOISE)
    comparison.compare("")
    comparison.compare("difference")
    np.testing.assert_array_equal(role(viewer, "difference").data, deep.noise)


def test_one_window_on_all(deep):
    viewer, controller, comparison = shown(deep)
    image, adversarial = viewer.layers["image"], controller.shown(ADVERSARIAL)
    assert comparison.window.units == "HU"
    assert [p.name for p in comparison.window.presets][:2] == ["lung", "mediastinum"]
    comparison.compare("swipe")
    swipe = role(viewer, "swipe")
    for layer, limits in ((image, (0, 50)), (adversarial, (-5, 60)), (swipe, (-9, 9))):
        layer.contrast_limits = limits
        for other in (image, adversarial, swipe):
            assert tuple(other.contrast_limits) == limits
    comparison.compare("side by side")
    image.gamma = 0.7
    assert adversarial.gamma == 0.7
    comparison.close()
    image.contrast_limits = (0, 1)
    assert tuple(adversarial.contrast_limits) == (-9, 9)


def test_the_window_of_an_image_before_any_run(ct):
    viewer = ViewerModel()
    controller = Controller.of(viewer)
    comparison = Comparison(viewer, controller)
    assert comparison.window.limits is None
    plain = viewer.add_image(np.arange(12.0).reshape(3, 4), name="plain")
    assert comparison.window.image is plain
    assert [p.name for p in comparison.window.presets] == ["full range"]
    data, keywords, _ = image_tuple(ct, "ct")
    scan = viewer.add_image(data, **keywords)
    assert comparison.window.image is scan
    assert len(comparison.window.presets) == 7
    comparison.window.set(40, 80)
    assert tuple(scan.contrast_limits) == (0, 80)
    viewer.layers.clear()
    assert comparison.window.image is None
