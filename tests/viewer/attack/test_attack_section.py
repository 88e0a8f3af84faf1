"""Presets, slices and live preview of the attack panel, in a real window with real clicks."""

import numpy as np
import pytest
from clicks import click, close_dock, idle, loaded
from controls import tip_of, type_in
from helpers import disc_image, volume_victim
from napari.layers import Labels
from roles import role, shown_as, titles

from napari_segadv import attacks
from napari_segadv.attacks.presets import presets_of
from napari_segadv.common.budgets import share_of_window
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.viewer.attack.options_section import PRESETS
from napari_segadv.viewer.attack.slice_range import ALL, IN_VIEW, SOME
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import (
    ADVERSARIAL,
    AFTER,
    CLEAN,
    NOISE,
    PREVIEW,
    PREVIEW_SEEN,
    SEE_THROUGH,
)
from napari_segadv.viewer.layers.slice_place import slice_in_view
from napari_segadv.viewer.layers.task_view import UNTARGETED


@pytest.fixture
def untargeted(ready):
    """A photograph and a small victim, to be attacked without a target."""
    ready.target.value = UNTARGETED
    return ready


@pytest.fixture
def deep(window, panel, qtbot):
    """A flipped volume with a victim that goes slice by slice."""
    rng = np.random.default_rng(0)
    array = rng.normal(0, 30, (6, 20, 24)).astype(np.int16)
    array[:, 6:14, 8:20] += 150
    grid = Grid(array.shape, (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), np.diag([-1.0, 1.0, -1.0]))
    data, keywords, _ = image_tuple(Scan(array, grid, "HU", Storage("int16")), "ct")
    layer = window.add_image(data, **keywords)
    loaded(qtbot, panel, volume_victim(2))
    panel.image.value = layer
    panel.target.value = UNTARGETED
    section = panel.attack_section
    section.form.editors["steps"].value = 3
    section.budget.epsilon.value = 40
    return panel


def test_every_attack_has_the_buttons_presets():
    for attack in attacks.available().values():
        presets = presets_of(attack)
        assert {p.name for p in presets} == PRESETS.keys()
        for preset in presets:
            attack(**preset.settings)


def test_an_attack_starts_from_what_is_hard_to_see(window, qtbot, weights_file):
    _, panel = window.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")
    qtbot.waitUntil(lambda: bool(panel.controller.victims.attacks))
    idle(qtbot, panel.controller)
    panel.expert.setChecked(True)
    section = panel.attack_section

    def starts():
        values = section.values()
        return values["norm"], values.get("polish"), values["steps"]

    assert starts() == ("visible", True, 60)
    # Another method starts from its own preset, and each model leaves what is set.
    section.method.value = "square"
    assert starts() == ("linf", None, attacks.get("square")().steps)
    section.method.value = "segpgd"
    assert starts() == ("visible", True, 60)
    # A budget of one's own stays, and means the defaults.
    type_in(qtbot, section.budget.epsilon, "9")
    section.method.value = "cospgd"
    assert starts() == ("visible", False, 40)
    assert section.values()["epsilon"] == 9
    click(qtbot, section.presets["subtle"])
    section.method.value = "pgd"
    assert starts() == ("visible", True, 60)
    section.form.editors["steps"].value = 7
    window.add_image(disc_image(), name="xray")
    panel.victim_section.open(str(weights_file))
    idle(qtbot, panel.controller)
    assert starts() == ("visible", True, 7)
    share = share_of_window("visible", section.values()["epsilon"], 255, disc_image().size)
    assert share == pytest.approx(1.0, rel=0.05)


def test_presets_set_form_and_budget(untargeted, qtbot):
    section = untargeted.attack_section
    usual = section.budget.epsilon.value
    click(qtbot, section.presets["subtle"])
    values = section.values()
    assert (values["norm"], values["polish"], values["steps"]) == ("visible", True, 60)
    size = untargeted.image.value.data.size
    share = share_of_window("visible", values["epsilon"], 255, size)
    assert share == pytest.approx(1.0, rel=0.05)
    click(qtbot, section.presets["strong"])
    assert (section.values()["norm"], section.values()["polish"]) == ("linf", False)
    assert section.budget.epsilon.value == pytest.approx(usual * 2, rel=0.05)
    assert section.values()["steps"] == 100
    click(qtbot, section.presets["paper"])
    values = section.values()
    assert (values["step"], values["loss"], values["goal"]) == ("sign", "soft-iou", None)
    assert "Bortsova" in tip_of(section.presets["paper"])
    click(qtbot, section.presets["usual"])
    assert section.values()["goal"] == 0.99
    section.method.value = "asma"
    click(qtbot, section.presets["paper"])
    assert section.values()["preset"] == "paper"
    assert section.values()["epsilon"] is None
    click(qtbot, section.presets["subtle"])
    assert section.values()["epsilon"] == pytest.approx(usual / 2, rel=0.05)


def test_a_preset_runs(untargeted, qtbot):
    section = untargeted.attack_section
    click(qtbot, section.presets["strong"])
    section.form.editors["steps"].value = 2
    click(qtbot, untargeted.run_button)
    idle(qtbot, untargeted.controller)
    assert untargeted.controller.example.record["parameters"]["steps"] == 2


def test_a_single_image_has_no_slices_to_choose(untargeted):
    assert not untargeted.attack_section.slices.isEnabled()
    assert untargeted.attack_section.slices.chosen(None) is None


def test_the_slice_in_view_alone(window, deep, qtbot):
    section = deep.attack_section
    assert section.slices.isEnabled()
    section.slices.which.value = IN_VIEW
    axis = deep.image.value.data_to_world((1, 0, 0))[0]
    window.dims.set_point(0, axis)
    click(qtbot, deep.run_button)
    idle(qtbot, deep.controller)
    example = deep.controller.example
    assert example.record["slices"] == [1, 1]
    assert set(np.flatnonzero(np.abs(example.noise).max((1, 2)))) == {1}


def test_a_range_of_slices(deep, qtbot):
    section = deep.attack_section
    section.slices.which.value = SOME
    assert section.slices.first.native.isVisible()
    # Given the wrong way round they mean the same.
    section.slices.first.value, section.slices.last.value = 4, 2
    click(qtbot, deep.run_button)
    idle(qtbot, deep.controller)
    noisy = np.flatnonzero(np.abs(deep.controller.example.noise).max((1, 2)))
    assert noisy.min() == 2
    assert noisy.max() == 4
    section.slices.which.value = ALL
    assert not section.slices.first.native.isVisible()
    assert section.slices.chosen(3) is None


def went_on(qtbot, controller, times=5):
    """Waits until a run has told of its progress that often, whereupon its preview is looked at."""
    for _ in range(times):
        with qtbot.waitSignal(controller.jobs.progressed):
            pass


def preview_of(window):
    controller = Controller.of(window)
    found = {name: controller.shown(name) for name in (PREVIEW, PREVIEW_SEEN)}
    return {name: layer for name, layer in found.items() if layer is not None}


def roles_of(window, happened):
    """What the layers that come or go from now on are to the chosen image."""
    heard, title = [], Controller.of(window).title
    happened.connect(lambda event: heard.append(title(event.value)))
    return heard


@pytest.mark.parametrize("kind", ["untargeted", "deep"])
def test_the_preview_shows_what_is_tried_and_goes_away(request, window, qtbot, kind):
    panel = request.getfixturevalue(kind)
    section, mine = (
        panel.attack_section,
        window.add_labels(np.zeros(panel.image.value.data.shape, int)),
    )
    panel.target.value = UNTARGETED
    section.form.editors["steps"].value = 100_000
    section.form.editors["goal"].value = None
    section.budget.epsilon.value = 30
    mine.mode = "paint"
    added = roles_of(window, window.layers.events.inserted)
    click(qtbot, panel.run_button)
    qtbot.waitUntil(lambda: len(preview_of(window)) == 2)
    shown, clean = preview_of(window), panel.image.value.data
    qtbot.waitUntil(lambda: (shown[PREVIEW].data != clean).any())
    change = np.abs(shown[PREVIEW].data.astype(int) - clean)
    assert 0 < change.max() <= 30
    assert isinstance(shown[PREVIEW_SEEN], Labels)
    assert shown[PREVIEW_SEEN].data.any()
    if kind == "deep":
        # Of a volume the slice in view alone is brought up to date.
        number = slice_in_view(panel.image.value, window.dims)
        assert set(np.flatnonzero(change.max((1, 2)))) <= {number}
        window.dims.set_point(0, panel.image.value.data_to_world((5 - number, 0, 0))[0])
        qtbot.waitUntil(lambda: (shown[PREVIEW].data[5 - number] != clean[5 - number]).any())
    went_on(qtbot, panel.controller)
    assert sorted(added) == [PREVIEW, PREVIEW_SEEN]
    # Who paints keeps the brush.
    assert window.layers.selection.active is mine
    assert mine.mode == "paint"
    click(qtbot, panel.cancel_button)
    idle(qtbot, panel.controller)
    assert not preview_of(window)
    assert panel.controller.example is None


def test_without_the_check_mark_nothing_is_shown(window, untargeted, qtbot):
    section = untargeted.attack_section
    section.preview.value = False
    section.form.editors["steps"].value = 100_000
    section.form.editors["goal"].value = None
    click(qtbot, untargeted.run_button)
    went_on(qtbot, untargeted.controller)
    assert untargeted.controller.jobs.busy == "attacking"
    assert not preview_of(window)
    click(qtbot, untargeted.cancel_button)
    idle(qtbot, untargeted.controller)


def test_a_preview_that_is_removed_or_renamed_is_no_trouble(window, untargeted, qtbot):
    section = untargeted.attack_section
    section.form.editors["steps"].value = 100_000
    section.form.editors["goal"].value = None
    click(qtbot, untargeted.run_button)
    qtbot.waitUntil(lambda: len(preview_of(window)) == 2)
    window.layers.remove(role(window, PREVIEW))
    role(window, PREVIEW_SEEN).name = "kept"
    qtbot.waitUntil(lambda: len(preview_of(window)) == 2)
    window.layers.remove("xray")
    went_on(qtbot, untargeted.controller)
    click(qtbot, untargeted.cancel_button)
    qtbot.waitUntil(lambda: titles(window) == ["kept"])
    idle(qtbot, untargeted.controller)


def test_what_surrounds_a_structure_may_take_its_place(window, ready, qtbot):
    section = ready.target_section
    section.shape.value = "resize"
    to = section.form.editors["to"]
    assert [to.itemText(i) for i in range(2)] == ["background", "what surrounds it"]
    to.value = None
    click(qtbot, section.button)
    idle(qtbot, ready.controller)
    assert ready.target.value in window.layers


@pytest.mark.parametrize("kind", ["untargeted", "deep"])
def test_the_preview_becomes_the_result(request, window, qtbot, kind):
    panel = request.getfixturevalue(kind)
    panel.target.value = UNTARGETED
    events, came, went = window.layers.events, [], []
    roles = roles_of(window, events.inserted)
    events.inserted.connect(lambda event: came.append(event.value))
    events.removed.connect(lambda event: went.append(event.value))
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    assert roles == [PREVIEW, PREVIEW_SEEN, NOISE, CLEAN]
    assert went == []
    names = titles(window)
    assert names == [panel.image.value.name, ADVERSARIAL, NOISE, CLEAN, AFTER]
    example = panel.controller.example
    for name, array in (
        (ADVERSARIAL, example.adversarial.array),
        (AFTER, example.prediction_adversarial.array),
    ):
        layer = role(window, name)
        np.testing.assert_array_equal(layer.data, array)
        assert layer.visible
        assert panel.controller.made(layer)
        np.testing.assert_allclose(
            layer.data_to_world((0,) * layer.ndim),
            panel.image.value.data_to_world((0,) * layer.ndim),
        )
    assert role(window, AFTER).opacity == SEE_THROUGH
    # An earlier result keeps its layers, and the preview goes.
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    assert roles[4:] == [PREVIEW, PREVIEW_SEEN]
    assert went == came[4:]
    assert titles(window) == names


@pytest.mark.parametrize("cancelled", [True, False])
def test_the_panel_may_be_closed_while_a_preview_runs(window, untargeted, qtbot, held, cancelled):
    section, controller = untargeted.attack_section, untargeted.controller
    section.form.editors["steps"].value = 100_000 if cancelled else 40
    section.form.editors["goal"].value = None
    click(qtbot, untargeted.run_button)
    qtbot.waitUntil(lambda: len(preview_of(window)) == 2)
    close_dock(qtbot, untargeted)
    held.set()
    if cancelled:
        went_on(qtbot, controller)
        assert len(preview_of(window)) == 2
        controller.jobs.cancel()
    idle(qtbot, controller)
    assert not preview_of(window)
    results = shown_as(window, ADVERSARIAL, NOISE, CLEAN, AFTER)
    assert len(results) == (0 if cancelled else 4)
