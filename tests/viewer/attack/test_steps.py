"""What is missing before an attack can run, the settings of experts, and the way that is left."""

import numpy as np
from clicks import click, drained, idle
from controls import pick, tick
from helpers import disc_image
from preferences import own

from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import CLEAN, PREVIEW, PREVIEW_SEEN
from napari_segadv.viewer.layers.task_view import CHOOSE, UNTARGETED
from napari_segadv.viewer.widgets.settings import settings

PAINT = "choose a target: Make target, or paint one"


def opened(window, qtbot):
    _, widget = window.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")
    qtbot.waitUntil(lambda: widget.controller.victims.victim is not None)
    idle(qtbot, widget.controller)
    return widget


def test_what_is_missing_is_said_step_by_step(window, qtbot):
    panel = opened(window, qtbot)
    assert not panel.run_button.isEnabled()
    assert panel.missing.text() == "open an image first"
    window.add_image(disc_image(), name="xray")
    assert panel.missing.text() == PAINT
    panel.victim_section.victim.value = "demo:chest-xray"
    idle(qtbot, panel.controller)
    victim, panel.controller.victims.victim = panel.controller.victims.victim, None
    panel._show_missing()
    assert panel.missing.text() == "choose a model first"
    panel.controller.victims.victim = victim
    click(qtbot, panel.target_section.button)
    idle(qtbot, panel.controller)
    assert panel.missing.text() == ""
    assert panel.run_button.isEnabled()
    window.layers.remove(panel.target.value)
    assert panel.target.value == CHOOSE
    assert panel.missing.text() == PAINT
    # A layer to paint on is a target, too.
    window.add_labels(np.zeros((48, 64), int), name="mine")
    assert panel.missing.text() == ""
    pick(qtbot, panel.target, UNTARGETED)
    assert panel.missing.text() == ""
    window.layers.clear()
    assert panel.missing.text() == "open an image first"


def rows(panel):
    """The fields that only experts set, and whether they are seen."""
    section = panel.attack_section
    fields = (section.method, section.region, section.device, section.seed, section.preview)
    fields += (section.form_place, panel.victim_section.present, panel.target_section.start)
    return {getattr(field, "native", field).isVisible() for field in fields}


def test_few_rows_until_an_expert_asks_for_all(window, qtbot):
    window.add_image(disc_image(), name="xray")
    panel = opened(window, qtbot)
    assert rows(panel) == {False}
    section = panel.attack_section
    assert section.budget.isVisible()
    assert section.presets["usual"].isVisible()
    assert not section.slices.isVisible()
    assert not section.presets["paper"].isVisible()
    given_up = panel.target_section.form.editors["to"]
    assert not given_up.isVisible()
    assert not panel.target_section.hatch.isVisible()
    tick(qtbot, panel.expert)
    assert rows(panel) == {True}
    qtbot.waitUntil(given_up.isVisible)
    assert settings().expert
    tick(qtbot, panel.expert)
    # What takes a structure's place is a part of the change itself.
    panel.target_section.shape.value = "swap"
    qtbot.waitUntil(panel.target_section.form.editors["to"].isVisible)
    tick(qtbot, panel.expert)
    tick(qtbot, panel.expert)
    assert rows(panel) == {False}
    assert not own().expert


def test_what_an_expert_has_chosen_is_remembered(window, qtbot):
    own().expert = True
    panel = opened(window, qtbot)
    assert panel.expert.isChecked()
    assert rows(panel) == {True}


def test_slices_are_offered_for_a_volume_alone(window, qtbot, ct):
    panel = opened(window, qtbot)
    window.add_image(disc_image(), name="xray")
    data, keywords, _ = image_tuple(ct, "ct")
    window.add_image(data, **keywords)
    for name, there in (("ct", True), ("xray", False), ("ct", True)):
        pick(qtbot, panel.image, name)
        assert panel.attack_section.slices.isVisible() is there


def test_labels_as_a_basis_stay_in_view(window, qtbot):
    panel = opened(window, qtbot)
    mine = window.add_labels(np.zeros((48, 64), int), name="mine")
    tick(qtbot, panel.expert)
    panel.target_section.start.value = mine
    tick(qtbot, panel.expert)
    assert panel.target_section.start.native.isVisible()


def test_the_clean_prediction_stays_until_the_first_step(window, ready, qtbot, held):
    click(qtbot, ready.victim_section.predict_button)
    idle(qtbot, ready.controller)
    clean = ready.controller.shown(CLEAN).data.copy()
    assert clean.any()
    pick(qtbot, ready.target, UNTARGETED)
    seen = []
    ready.controller.jobs.busy_changed.connect(
        lambda title: seen.append(ready.controller.shown(PREVIEW_SEEN)) if title else None
    )
    click(qtbot, ready.run_button)
    qtbot.waitUntil(lambda: ready.controller.jobs.busy == "attacking")
    # When the attack begins, the preview shows the clean image and what the model saw in it.
    np.testing.assert_array_equal(seen[-1].data, clean)
    np.testing.assert_array_equal(ready.controller.shown(PREVIEW).data, disc_image())
    held.set()
    idle(qtbot, ready.controller)
    drained(qtbot)
    after = ready.controller.example.prediction_adversarial.array
    np.testing.assert_array_equal(ready.controller.shown("prediction (adversarial)").data, after)


def test_the_result_names_the_window_where_the_change_shows_most(window, ready, qtbot, ct):
    data, keywords, _ = image_tuple(ct, "ct")
    pick(qtbot, ready.image, window.add_image(data, **keywords).name)
    pick(qtbot, ready.victim_section.present, "the image's numbers")
    pick(qtbot, ready.target, UNTARGETED)
    ready.attack_section.form.editors["steps"].value = 2
    click(qtbot, ready.run_button)
    idle(qtbot, ready.controller)
    qtbot.waitUntil(lambda: "worst window" in ready.status.text())
    run = ready.controller.runs.current
    similar = {seen.preset.name: seen.ssim for seen in ready.controller.visibility.known(run)}
    name = min(similar, key=similar.get)
    assert f"({name})" in ready.status.text()
    assert len(similar) == 7
