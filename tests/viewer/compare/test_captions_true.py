"""Captions stay true whatever comes, goes, moves or is shown while two images are compared."""

import numpy as np
import pytest
from captioned import captions, film_shown, judge, marks, previewed, roles_in, tile
from clicks import click, idle
from compare_window import canvas, press, show
from controls import notices, pick
from qtpy.QtCore import Qt
from roles import has, role

from napari_segadv.viewer.compare.comparison import MODES
from napari_segadv.viewer.compare.contours import CONTOURS
from napari_segadv.viewer.layers.names import (
    ADVERSARIAL,
    AFTER,
    CLEAN,
    NOISE,
    PREVIEW,
    PREVIEW_SEEN,
    TARGET,
)
from napari_segadv.viewer.layers.task_view import UNTARGETED

SIDE = "side by side"


@pytest.fixture
def shown(window, compare, qtbot, flat):
    """The panel, and a film with its run, target and visible predictions."""
    film_shown(window, flat)
    role(window, CLEAN).visible = True
    return compare


def begin(qtbot, panel, mode):
    click(qtbot, panel.modes[mode])
    panel.timer.stop()
    assert panel.comparison.name == mode


def ended(panel, line):
    """The mode is over, and its one line says why."""
    assert panel.comparison.name == ""
    assert not any(button.isChecked() for button in panel.modes.values())
    assert panel.status.text() == line
    assert captions(panel.viewer) == []


def both_turns(window, panel, qtbot):
    """Both turns of a blink are judged, else what is seen."""
    # A blink that began anew has started its clock again.
    panel.timer.stop()
    for _ in range(2):
        panel.comparison.flip()
        assert judge(window, qtbot)


@pytest.mark.parametrize("name", [CLEAN, AFTER, NOISE, TARGET])
@pytest.mark.parametrize("mode", MODES)
def test_a_layer_that_is_removed(window, shown, qtbot, mode, name):
    begin(qtbot, shown, mode)
    window.layers.remove(role(window, name))
    assert shown.comparison.name == mode
    both_turns(window, shown, qtbot)
    # And one after the other, to the last that can go.
    for other in (NOISE, CLEAN, AFTER, TARGET):
        if has(window, other):
            window.layers.remove(role(window, other))
            assert judge(window, qtbot)
    click(qtbot, shown.modes[mode])
    assert not window.canvas.grid.enabled
    left = {"image", ADVERSARIAL}
    assert set(roles_in(window, window.layers)) == left


def test_the_clean_tile_stays_the_clean_one_without_its_prediction(window, shown, qtbot):
    begin(qtbot, shown, SIDE)
    window.layers.remove(role(window, CLEAN))
    assert roles_in(window, tile(window, 0)) == ["image"]
    assert roles_in(window, tile(window, 1))[:2] == [ADVERSARIAL, AFTER]
    assert judge(window, qtbot) == ["clean", "adversarial"]


@pytest.mark.parametrize("mode", MODES)
def test_the_preview_of_a_running_attack_stays_hidden(window, shown, qtbot, flat, mode):
    begin(qtbot, shown, mode)
    with notices() as told:
        layers = previewed(window, window.layers["image"], flat)
    line = f"{mode}: the preview stays hidden while you compare"
    assert told == [("info", line)]
    assert shown.status.text() == line
    both_turns(window, shown, qtbot)
    # It goes on: the preview is drawn again, and shown again.
    for layer in layers:
        layer.refresh()
        layer.visible = True
    both_turns(window, shown, qtbot)
    assert shown.comparison.name == mode
    click(qtbot, shown.modes[mode])
    assert all(layer.visible for layer in layers)
    order = roles_in(window, window.layers)
    assert order.index(ADVERSARIAL) < order.index(PREVIEW) < order.index(AFTER)
    shown.controller.hide(PREVIEW, PREVIEW_SEEN)


@pytest.mark.parametrize("mode", [SIDE, "blink"])
def test_a_real_attack_runs_while_its_last_result_is_compared(
    window, ready, compare, qtbot, held, mode
):
    controller = ready.controller
    ready.target.value = UNTARGETED
    ready.attack_section.form.editors["steps"].value = 2
    held.set()
    click(qtbot, ready.run_button)
    idle(qtbot, controller)
    role(window, CLEAN).visible = True
    begin(qtbot, compare, mode)
    held.clear()
    click(qtbot, ready.run_button)
    qtbot.waitUntil(lambda: controller.jobs.busy == "attacking" and has(window, PREVIEW))
    assert compare.comparison.name == mode
    assert not role(window, PREVIEW).visible
    if mode == SIDE:
        assert roles_in(window, tile(window, 0)) == ["xray", CLEAN]
        assert roles_in(window, tile(window, 1)) == [ADVERSARIAL, AFTER]
    else:
        compare.comparison.flip()
        drawn = [x for x in window.layers if x.visible and x.opacity]
        assert roles_in(window, drawn) == ["xray", CLEAN]
    held.set()
    idle(qtbot, controller)
    # The new result is shown, and nothing is compared until the user asks for it.
    assert compare.comparison.name == ""
    assert role(window, ADVERSARIAL).visible
    assert not window.canvas.grid.enabled


@pytest.mark.parametrize("mode", ["", *MODES])
def test_h_shows_the_clean_image_whatever_comes(window, shown, qtbot, flat, mode):
    if mode:
        begin(qtbot, shown, mode)
    else:
        role(window, NOISE).visible = True
    qtbot.keyPress(canvas(window), Qt.Key_H)
    previewed(window, window.layers["image"], flat)
    if mode != SIDE:
        assert captions(window) == ["clean"]
    assert judge(window, qtbot)
    window.layers.move(window.layers.index("image"), 0)
    assert judge(window, qtbot)
    window.layers.remove(role(window, CLEAN))
    assert judge(window, qtbot)
    qtbot.keyRelease(canvas(window), Qt.Key_H)
    assert (judge(window, qtbot) == []) == (mode == "")
    assert shown.comparison.name == mode
    shown.controller.hide(PREVIEW, PREVIEW_SEEN)
    if not mode:
        assert role(window, NOISE).visible
        assert role(window, NOISE).opacity == 1


@pytest.mark.parametrize("kind", ["labels", "points"])
@pytest.mark.parametrize("mode", MODES)
def test_what_the_user_adds_by_hand(window, shown, qtbot, mode, kind):
    """It is the same on both images; in two tiles, it would lie on one of them."""
    begin(qtbot, shown, mode)
    mine = marks(window, kind)
    assert mine.visible
    if mode == SIDE:
        ended(shown, f"{SIDE}: {mine.name} was added")
        assert window.layers[-1] is mine
        begin(qtbot, shown, SIDE)
        assert judge(window, qtbot)
        mine.visible = True
        ended(shown, f"{SIDE}: {mine.name} was shown")
    else:
        both_turns(window, shown, qtbot)
        assert shown.comparison.name == mode
        assert mine.visible
    assert mine.visible


@pytest.mark.parametrize("mode", MODES)
def test_a_second_image(window, shown, qtbot, mode):
    begin(qtbot, shown, mode)
    other = window.add_image(np.full((400, 512), 200, np.uint8), name="other")
    assert shown.comparison.name == ""
    assert captions(window) == []
    assert not window.canvas.grid.enabled
    assert other.visible


@pytest.mark.parametrize("mode", MODES)
def test_layers_that_are_dragged(window, shown, qtbot, mode):
    begin(qtbot, shown, mode)
    layers = window.layers
    for moved in (["image"], [role(window, ADVERSARIAL).name], [role(window, AFTER).name, "image"]):
        for to in (len(layers), 0):
            # As napari does for a drag.
            layers.move_multiple([layers.index(name) for name in moved], to)
            assert shown.comparison.name == mode
            both_turns(window, shown, qtbot)


@pytest.mark.parametrize("mode", MODES)
def test_the_noise_that_is_shown_ends_it(window, shown, qtbot, mode):
    begin(qtbot, shown, mode)
    noise = role(window, NOISE)
    noise.visible = True
    ended(shown, f"{mode}: {noise.name} was shown")
    assert noise.visible


@pytest.mark.parametrize("mode", MODES)
def test_an_image_that_is_hidden_ends_it(window, shown, qtbot, mode):
    begin(qtbot, shown, mode)
    own = shown.comparison.mode.layer
    layer = window.layers["image"] if own is None else own
    with notices() as told:
        layer.visible = False
    line = f"{mode}: {layer.name} was hidden"
    ended(shown, line)
    assert told == [("warning", line)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [CLEAN, AFTER])
def test_a_prediction_that_is_shown_goes_to_its_image(window, shown, qtbot, mode, name):
    for each in (CLEAN, AFTER, TARGET):
        role(window, each).visible = False
    begin(qtbot, shown, mode)
    role(window, name).visible = True
    assert shown.comparison.name == mode
    both_turns(window, shown, qtbot)
    shown.comparison.compare("")
    role(window, CLEAN).visible = False
    role(window, AFTER).visible = False
    begin(qtbot, shown, mode)
    role(window, TARGET).visible = True
    assert shown.comparison.name == mode
    both_turns(window, shown, qtbot)


def test_a_prediction_is_not_filled_over_contours(window, shown, qtbot):
    pick(qtbot, shown.look, CONTOURS)
    begin(qtbot, shown, "blink")
    shown.comparison.flip()
    after = role(window, AFTER)
    after.visible = True
    assert shown.status.text() == f"blink: {after.name} stays hidden while you compare"
    assert captions(window) == ["clean"]
    both_turns(window, shown, qtbot)


@pytest.mark.parametrize("mode", MODES)
def test_a_new_target_ends_it(window, shown, qtbot, flat, mode):
    begin(qtbot, shown, mode)
    image = window.layers["image"]
    made = (np.full((400, 512), 2, np.uint8), {}, "labels")
    target = shown.controller._shown.show_target(image, made)
    ended(shown, f"{mode}: {target.name} was added")
    assert target.visible


@pytest.mark.parametrize("mode", MODES)
def test_napari_s_grid_button(window, shown, qtbot, mode):
    begin(qtbot, shown, mode)
    window.canvas.grid.enabled = mode != SIDE
    ended(shown, f"{mode}: napari's grid was switched {'off' if mode == SIDE else 'on'}")
    if mode == SIDE:
        begin(qtbot, shown, mode)
        window.canvas.grid.stride = 1
        window.canvas.grid.shape = (-1, -1)
        assert judge(window, qtbot)


def test_a_grid_of_the_user_s_own_comes_back(window, shown, qtbot):
    window.canvas.grid.enabled = True
    for mode in MODES:
        begin(qtbot, shown, mode)
        both_turns(window, shown, qtbot)
        click(qtbot, shown.modes[mode])
        assert window.canvas.grid.enabled
    qtbot.keyPress(canvas(window), Qt.Key_H)
    assert judge(window, qtbot) == ["clean"]
    qtbot.keyRelease(canvas(window), Qt.Key_H)
    assert window.canvas.grid.enabled


def test_opacities_that_are_changed_in_a_blink(window, shown, qtbot):
    begin(qtbot, shown, "blink")
    shown.comparison.flip()
    role(window, AFTER).opacity = 0.6
    role(window, ADVERSARIAL).opacity = 0.8
    assert judge(window, qtbot) == ["clean"]
    shown.comparison.flip()
    role(window, ADVERSARIAL).blending = "additive"
    assert judge(window, qtbot) == ["adversarial"]


def test_a_renamed_prediction_is_still_the_adversarial_one(window, shown, qtbot):
    after = role(window, AFTER)
    after.name = "mine"
    for mode in MODES:
        begin(qtbot, shown, mode)
        both_turns(window, shown, qtbot)
        click(qtbot, shown.modes[mode])
        assert after.visible


@pytest.mark.parametrize("mode", [SIDE, "blink"])
def test_in_3d_too(window, compare, qtbot, deep, mode):
    """Judged by the layers: a volume's brightness is not that of a slice."""
    image, adversarial = show(window, deep)
    role(window, CLEAN).visible = True
    window.dims.ndisplay = 3
    begin(qtbot, compare, mode)
    role(window, CLEAN).visible = False
    window.layers.remove(role(window, NOISE))
    window.layers.move(window.layers.index(adversarial), 0)
    assert compare.comparison.name == mode
    if mode == SIDE:
        assert roles_in(window, tile(window, 0)) == ["image"]
        assert roles_in(window, tile(window, 1))[:2] == [ADVERSARIAL, AFTER]
        return
    for named, other in ((image, adversarial), (adversarial, image)):
        compare.comparison.flip()
        assert captions(window) == ["clean" if named is image else ADVERSARIAL]
        assert (named.opacity, other.opacity) == (1, 0)
    window.dims.ndisplay = 2
    press(qtbot, window, Qt.Key_B, Qt.ShiftModifier)
    assert (image.opacity, adversarial.opacity) == (1, 1)
