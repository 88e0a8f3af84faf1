"""What the Compare panel does to layers, without a window."""

import numpy as np
import pytest
from helpers import disc_image, mask_on, volume_victim
from napari.components import ViewerModel
from napari.layers import Image

import napari_segadv as sa
from napari_segadv.errors import SegadvError
from napari_segadv.scan import Grid, Scan, Storage
from napari_segadv.viewer.compare.comparison import MODES, Comparison
from napari_segadv.viewer.compare.contours import AS_THEY_ARE, CONTOURS, HIDDEN, ROLES
from napari_segadv.viewer.compare.loan import Loan
from napari_segadv.viewer.compare.swipe import Halves
from napari_segadv.viewer.controller import Controller
from napari_segadv.viewer.layers import (
    ADVERSARIAL,
    AFTER,
    CLEAN,
    NOISE,
    TARGET,
    example_tuples,
    image_tuple,
    mask_tuple,
)


def crafted(scan, victim, target=None, steps=2):
    return sa.craft(scan, victim, sa.attacks.PGD(epsilon=12.0, steps=steps), target=target)


@pytest.fixture(scope="module")
def flat():
    """An example of a photograph."""
    from helpers import bands

    from napari_segadv.victims.chain import Step
    from napari_segadv.victims.victim import Victim

    step = Step("ScaleIntensityRange", {"a_min": 0.0, "a_max": 255.0, "b_min": 0.0, "b_max": 1.0})
    victim = Victim(bands(), name="bands", dims=2, classes=("no", "dim", "bright"), steps=(step,))
    scan = Scan.from_array(disc_image())
    target = np.zeros(scan.grid.shape, np.uint8)
    target[10:30, 10:40] = 2
    return crafted(scan, victim, mask_on(scan, target))


@pytest.fixture(scope="module")
def deep():
    """An example of a CT with flips and anisotropic spacing."""
    rng = np.random.default_rng(0)
    array = rng.normal(0, 30, (6, 20, 24)).astype(np.int16)
    array[2:4, 6:14, 8:20] += 150
    grid = Grid(array.shape, (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), np.diag([1.0, -1.0, -1.0]))
    scan = Scan(array, grid, "HU", Storage("int16"))
    return crafted(scan, volume_victim(2))


def shown(example):
    """A viewer in which an example is shown as a run, its controller and its comparison."""
    viewer = ViewerModel()
    controller = Controller.of(viewer)
    data, keywords, _ = image_tuple(example.clean, "image")
    image = viewer.add_image(data, **keywords)
    again(viewer, controller, example, image)
    return viewer, controller, Comparison(viewer, controller)


def again(viewer, controller, example, image):
    """A run, as the controller shows it."""
    run = controller.runs.add(example, image)
    controller._results.show_example(image, example, example_tuples(example))
    controller.runs.current = run
    return run


def state(viewer):
    """All that a comparison may change."""
    names = ("visible", "opacity", "blending", "contour", "colormap")
    layers = [(x.name, *(getattr(x, n, None) for n in names)) for x in viewer.layers]
    grid, camera = viewer.canvas.grid, viewer.scene.camera
    return layers, (grid.enabled, grid.stride, grid.shape), camera.zoom, camera.center


def same(one, other):
    assert [x[0] for x in one[0]] == [x[0] for x in other[0]]
    for before, after in zip(one[0], other[0], strict=True):
        assert before[:5] == after[:5]
        assert before[5] is after[5]
    assert one[1] == other[1]
    np.testing.assert_allclose(one[2], other[2])
    np.testing.assert_allclose(one[3], other[3])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("which", ["flat", "deep"])
def test_everything_is_put_back(mode, which, request):
    viewer, controller, comparison = shown(request.getfixturevalue(which))
    viewer.add_labels(np.zeros((20, 24), int), name="mine")
    viewer.layers.selection.active = viewer.layers["image"]
    before = state(viewer)
    comparison.compare(mode)
    assert comparison.name == mode
    assert viewer.layers.selection.active is viewer.layers["image"]
    comparison.compare(mode)
    assert comparison.name == ""
    same(before, state(viewer))
    comparison.compare(mode)
    comparison.show(CONTOURS)
    comparison.hold_clean(True)
    comparison.close()
    same(before, state(viewer))


def test_nothing_to_compare_is_one_line():
    viewer = ViewerModel()
    comparison = Comparison(viewer, Controller.of(viewer))
    for mode in MODES:
        with pytest.raises(SegadvError, match="no run is shown"):
            comparison.compare(mode)
    with pytest.raises(SegadvError, match="no run is shown"):
        comparison.hold_clean(True)
    comparison.show(CONTOURS)
    comparison.close()


def test_blink_changes_an_opacity_only(flat):
    viewer, controller, comparison = shown(flat)
    other = viewer.add_image(np.zeros((48, 64)), name="another image")
    adversarial = controller.shown(ADVERSARIAL)
    sliced = []
    adversarial.events.set_data.connect(sliced.append)
    comparison.compare("blink")
    assert not other.visible
    sliced.clear()
    opacities = []
    for _ in range(4):
        comparison.flip()
        opacities.append(adversarial.opacity)
    assert opacities == [0.0, 1.0, 0.0, 1.0]
    assert not sliced
    assert viewer.layers["image"].opacity == 1.0
    comparison.hold_clean(True)
    comparison.flip()
    assert adversarial.opacity == 0.0
    comparison.hold_clean(False)
    assert adversarial.opacity == 1.0
    comparison.compare("blink")
    assert other.visible


def test_blink_where_the_clean_image_lies_above(flat):
    viewer, controller, comparison = shown(flat)
    image = viewer.layers["image"]
    image.blending = "opaque"
    viewer.layers.move(viewer.layers.index(image), len(viewer.layers))
    comparison.compare("blink")
    assert image.opacity == 0.0
    assert image.blending != "opaque"
    comparison.flip()
    assert image.opacity == 1.0
    comparison.compare("")
    assert image.blending == "opaque"


def test_hold_without_a_mode_and_over_the_difference(flat):
    viewer, controller, comparison = shown(flat)
    adversarial = controller.shown(ADVERSARIAL)
    viewer.layers["image"].visible = False
    comparison.hold_clean(True)
    assert adversarial.opacity == 0.0
    assert viewer.layers["image"].visible
    comparison.hold_clean(False)
    assert adversarial.opacity == 1.0
    assert not viewer.layers["image"].visible
    comparison.compare("difference")
    comparison.hold_clean(True)
    assert viewer.layers["difference"].opacity == 0.0
    comparison.compare("")
    assert adversarial.opacity == 1.0
    assert "difference" not in viewer.layers


def test_side_by_side_has_two_tiles(flat):
    viewer, controller, comparison = shown(flat)
    target = controller.show_beside(viewer.layers["image"], TARGET, mask_tuple(flat.target, TARGET))
    controller.shown(CLEAN).visible = True
    comparison.compare("side by side")
    grid = viewer.canvas.grid
    assert grid.enabled
    assert grid.actual_shape(viewer.layers) == (1, 2)

    def tile(layer):
        return grid.position(viewer.layers.index(layer), viewer.layers)

    assert tile(viewer.layers["image"]) == tile(controller.shown(CLEAN)) == (0, 0)
    for layer in (controller.shown(ADVERSARIAL), controller.shown(AFTER), target):
        assert tile(layer) == (0, 1)
    assert not controller.shown(NOISE).visible
    comparison.compare("")
    assert not grid.enabled


def test_side_by_side_with_too_few_layers_to_fill_a_tile(flat):
    viewer, controller, comparison = shown(flat)
    viewer.layers.remove(controller.shown(NOISE))
    viewer.layers.remove(controller.shown(CLEAN))
    target = controller.show_beside(viewer.layers["image"], TARGET, mask_tuple(flat.target, TARGET))
    comparison.compare("side by side")
    grid = viewer.canvas.grid
    assert grid.actual_shape(viewer.layers) == (1, 2)
    place = grid.position(viewer.layers.index(target), viewer.layers)
    assert place == grid.position(viewer.layers.index(viewer.layers["image"]), viewer.layers)


def test_another_run_while_side_by_side(flat):
    viewer, controller, comparison = shown(flat)
    before = [x.name for x in viewer.layers]
    comparison.compare("side by side")
    again(viewer, controller, flat, viewer.layers["image"])
    assert comparison.name == ""
    assert not viewer.canvas.grid.enabled
    names = [x.name for x in viewer.layers]
    assert sorted(names) == sorted(before)
    assert names.index(NOISE) > names.index(ADVERSARIAL)
    comparison.compare("side by side")
    comparison.compare("")


def seen(layer, flipped=False):
    """The picture of a layer's slice as it lies on the screen."""
    picture = layer._slice.image.view
    return picture[:, ::-1] if flipped else picture


def test_swipe_in_two_dimensions(flat):
    viewer, controller, comparison = shown(flat)
    comparison.compare("swipe")
    swipe = viewer.layers["swipe"]
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
    swipe, image = viewer.layers["swipe"], viewer.layers["image"]
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
    assert "swipe" not in viewer.layers
    assert "slices" in said[0]
    with pytest.raises(SegadvError, match="2-D first"):
        comparison.compare("swipe")
    comparison.compare("blink")


def test_halves_are_sliced_as_arrays_are():
    rng = np.random.default_rng(0)
    clean, other = rng.normal(size=(2, 4, 6, 8, 3))
    halves = Halves(clean, other, lambda: (2, 3, True), lambda: (9.0, 9.0))
    whole = np.asarray(halves)
    expected = np.where(np.arange(8)[None, None, :, None] < 3, clean, other)
    expected[:, :, 3] = 9
    np.testing.assert_array_equal(whole, expected)
    for key in [(1,), (slice(1, 3), 2), (..., 0), (0, slice(None), slice(2, 7, 2)), (0, 1, 5)]:
        if key == (0, 1, 5):
            np.testing.assert_array_equal(halves[key], other[key])
        else:
            np.testing.assert_array_equal(halves[key], expected[key])


def colour_example(flat):
    """The same in colours."""
    from dataclasses import replace

    def coloured(scan):
        return replace(
            scan, array=np.dstack([scan.array, scan.array // 2, scan.array]), colour=True
        )

    noise = np.dstack([flat.noise] * 3)
    return replace(
        flat, clean=coloured(flat.clean), adversarial=coloured(flat.adversarial), noise=noise
    )


def test_colours(flat):
    example = colour_example(flat)
    viewer, controller, comparison = shown(example)
    assert comparison.window.limits is None
    comparison.window.set(40, 400)
    comparison.compare("swipe")
    swipe = viewer.layers["swipe"]
    assert swipe.rgb
    np.testing.assert_array_equal(seen(swipe)[:, :32], example.clean.array[:, :32])
    np.testing.assert_array_equal(seen(swipe)[:, 33:], example.adversarial.array[:, 33:])
    assert (255, 220, 0) in {tuple(x) for x in seen(swipe)[:, 32]}
    comparison.compare("difference")
    assert comparison.full_colour == pytest.approx(255 / 2 / comparison.gain)


def test_difference_follows_gain_and_window(deep):
    viewer, controller, comparison = shown(deep)
    comparison.compare("difference")
    layer, image = viewer.layers["difference"], viewer.layers["image"]
    np.testing.assert_array_equal(layer.data, controller.shown(NOISE).data)
    assert layer.data is controller.shown(NOISE).data
    # At first the largest change has about the strongest colour.
    assert layer.contrast_limits[1] == pytest.approx(deep.measures["linf"], rel=0.5)
    comparison.set_gain(10)
    assert tuple(layer.contrast_limits) == (-20.0, 20.0)
    comparison.window.set(40, 100)
    assert tuple(layer.contrast_limits) == (-5.0, 5.0)
    assert tuple(image.contrast_limits) == (-10.0, 90.0)
    controller._results.remove(NOISE)
    comparison.compare("")
    comparison.compare("difference")
    np.testing.assert_array_equal(viewer.layers["difference"].data, deep.noise)


def test_one_window_on_all(deep):
    viewer, controller, comparison = shown(deep)
    image, adversarial = viewer.layers["image"], controller.shown(ADVERSARIAL)
    assert comparison.window.units == "HU"
    assert [p.name for p in comparison.window.presets][:2] == ["lung", "mediastinum"]
    comparison.compare("swipe")
    swipe = viewer.layers["swipe"]
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


def test_contours_and_back(flat):
    viewer, controller, comparison = shown(flat)
    before = state(viewer)
    comparison.show(CONTOURS)
    target = viewer.layers["target of the run"]
    np.testing.assert_array_equal(target.data, flat.target.array)
    assert not target.editable
    layers = (controller.shown(CLEAN), controller.shown(AFTER), target)
    for role, layer in zip(ROLES, layers, strict=True):
        assert layer.visible
        assert layer.contour == role.width
        np.testing.assert_allclose(layer.get_color(1)[:3], role.colour, atol=1e-6)
        np.testing.assert_allclose(layer.get_color(2)[:3], role.colour, atol=1e-6)
    comparison.show(HIDDEN)
    assert "target of the run" not in viewer.layers
    assert not controller.shown(CLEAN).visible
    assert not controller.shown(AFTER).visible
    comparison.show(AS_THEY_ARE)
    same(before, state(viewer))


def test_contours_use_the_targets_own_layer_where_it_is_the_runs(flat):
    viewer, controller, comparison = shown(flat)
    image = viewer.layers["image"]
    target = controller.show_beside(image, TARGET, mask_tuple(flat.target, TARGET))
    comparison.show(CONTOURS)
    assert target.contour == 1
    assert "target of the run" not in viewer.layers
    # The next target is another one: what the run was made for is shown.
    target.data = np.zeros_like(target.data)
    comparison.show(CONTOURS)
    assert not target.visible
    assert "target of the run" in viewer.layers
    comparison.show(AS_THEY_ARE)
    assert target.visible


def test_layers_removed_and_runs_forgotten(flat):
    for mode in MODES:
        for name in ("image", ADVERSARIAL):
            viewer, controller, comparison = shown(flat)
            comparison.show(CONTOURS)
            comparison.compare(mode)
            viewer.layers.remove(viewer.layers[name])
            assert comparison.name == ""
            assert not viewer.canvas.grid.enabled
            assert not {"swipe", "difference"} & {x.name for x in viewer.layers}
            with pytest.raises(SegadvError, match="removed or renamed"):
                comparison.compare(mode)
            comparison.show(AS_THEY_ARE)
        viewer, controller, comparison = shown(flat)
        comparison.compare(mode)
        viewer.layers.clear()
        assert comparison.name == ""
        viewer, controller, comparison = shown(flat)
        comparison.show(CONTOURS)
        comparison.compare(mode)
        own = comparison.mode.layer
        if own is not None:
            viewer.layers.remove(own)
            assert comparison.name == ""
        controller.runs.remove(controller.runs.current)
        assert comparison.name == ""
        comparison.close()
    assert all(isinstance(x, Image) or x.contour == 0 for x in viewer.layers)


def test_a_loan_leaves_what_somebody_else_has_changed():
    layer = Image(np.zeros((4, 4)))
    loan = Loan()
    loan.set(layer, "opacity", 0.5)
    loan.set(layer, "opacity", 0.2)
    loan.set(layer, "visible", False)
    layer.visible = True
    loan.give_back()
    assert layer.opacity == 1.0
    assert layer.visible
    loan.set(layer, "opacity", 0.5)
    layer.opacity = 0.7
    loan.give_back()
    assert layer.opacity == 0.7
