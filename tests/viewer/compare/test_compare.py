"""Modes, contours and their end: what the Compare panel does to layers, without a window."""

import numpy as np
import pytest
from compared import again, border_length, drawn_length, same, shown, state
from napari.components import ViewerModel
from napari.layers import Image
from roles import has, role, shown_as, titles

from napari_segadv.errors import SegadvError
from napari_segadv.viewer.compare.comparison import MODES, Comparison
from napari_segadv.viewer.compare.contours import AS_SHOWN, CONTOURS, FILLED, HIDDEN, ROLES
from napari_segadv.viewer.compare.loan import Loan
from napari_segadv.viewer.compare.predictions import OF_CLEAN, OF_TARGET
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple, mask_tuple
from napari_segadv.viewer.layers.example import example_tuples
from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, CLEAN, NOISE, TARGET


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
    controller.choose(viewer.layers["image"])
    # Hidden with the choice; the user wants to see it all the same.
    other.visible = True
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
    assert role(viewer, "difference").opacity == 0.0
    comparison.compare("")
    assert adversarial.opacity == 1.0
    assert not has(viewer, "difference")


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
    # The target is seen as the contour of what the run was made for.
    assert not target.visible
    own = controller.shown(OF_TARGET.lines)
    for layer in (controller.shown(ADVERSARIAL), controller.shown(AFTER), own):
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
    assert not target.visible
    own = controller.shown(OF_TARGET.lines)
    # Layers without content fill up the clean image's tile, in which the target has no business.
    places = [[titles(viewer)[i] for i in grid.contents_at((0, k), viewer.layers)] for k in (0, 1)]
    assert places == [["image"], [ADVERSARIAL, AFTER, OF_TARGET.lines]]
    assert own.visible
    assert len(viewer.layers) == 6
    comparison.compare("")
    assert sorted(titles(viewer)) == [ADVERSARIAL, "image", AFTER, TARGET]


def test_another_run_while_side_by_side(flat):
    viewer, controller, comparison = shown(flat)
    before = titles(viewer)
    comparison.compare("side by side")
    again(controller, flat, viewer.layers["image"])
    assert comparison.name == ""
    assert not viewer.canvas.grid.enabled
    names = titles(viewer)
    assert sorted(names) == sorted(before)
    assert names.index(NOISE) > names.index(ADVERSARIAL)
    comparison.compare("side by side")
    comparison.compare("")


def test_contours_and_back(flat):
    viewer, controller, comparison = shown(flat)
    before = state(viewer)
    comparison.show(CONTOURS)
    maps = (flat.prediction_clean, flat.prediction_adversarial, flat.target)
    for each, mask in zip(ROLES, maps, strict=True):
        layer = controller.shown(each.lines)
        assert layer.visible
        assert controller.made(layer)
        np.testing.assert_allclose(layer.edge_color[:, :3], [each.colour] * len(layer.data))
        assert drawn_length(layer) == pytest.approx(border_length(mask.array))
    assert not controller.shown(CLEAN).visible
    assert not controller.shown(AFTER).visible
    comparison.show(HIDDEN)
    assert not any(has(viewer, each.lines) for each in ROLES)
    assert not controller.shown(CLEAN).visible
    assert not controller.shown(AFTER).visible
    comparison.show(AS_SHOWN)
    same(before, state(viewer))


def test_a_prediction_made_before_the_run_is_not_covered_by_its_image(flat):
    viewer = ViewerModel()
    controller = Controller.of(viewer)
    data, keywords, _ = image_tuple(flat.clean, "image")
    image = viewer.add_image(data, **keywords)
    made = example_tuples(flat)
    controller.show_beside(image, CLEAN, made[CLEAN])
    again(controller, flat, image)
    order = [viewer.layers.index(controller.shown(name)) for name in (ADVERSARIAL, CLEAN, AFTER)]
    assert order == sorted(order)
    comparison = Comparison(viewer, controller)
    comparison.show("contours")
    own = viewer.layers.index(controller.shown(OF_CLEAN.lines))
    assert own > viewer.layers.index(controller.shown(ADVERSARIAL))


def test_the_contour_is_that_of_the_runs_target_whatever_the_target_layer_holds(flat):
    viewer, controller, comparison = shown(flat)
    image = viewer.layers["image"]
    target = controller.show_beside(image, TARGET, mask_tuple(flat.target, TARGET))
    # The next target is another one, and the user has painted a third.
    target.data = np.zeros_like(target.data)
    viewer.add_labels(np.eye(*target.data.shape, dtype=int), name="target [1]")
    for look, mode in ((CONTOURS, ""), (FILLED, ""), (AS_SHOWN, "blink"), (AS_SHOWN, "swipe")):
        comparison.show(look)
        comparison.compare(mode)
        assert not target.visible
        own = controller.shown(OF_TARGET.lines)
        assert drawn_length(own) == pytest.approx(border_length(flat.target.array))
        comparison.compare("")
    comparison.show(AS_SHOWN)
    assert target.visible
    assert not has(viewer, OF_TARGET.lines)


def test_layers_removed_and_runs_forgotten(flat):
    for mode in MODES:
        for name in ("image", ADVERSARIAL):
            viewer, controller, comparison = shown(flat)
            comparison.show(CONTOURS)
            comparison.compare(mode)
            image = viewer.layers["image"]
            viewer.layers.remove(image if name == "image" else role(viewer, name))
            assert comparison.name == ""
            assert not viewer.canvas.grid.enabled
            assert not shown_as(viewer, "swipe", "difference")
            with pytest.raises(SegadvError, match="removed or renamed"):
                comparison.compare(mode)
            comparison.show(AS_SHOWN)
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
