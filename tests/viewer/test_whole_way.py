"""The whole way in one window by clicks alone: predict, target, run, verdict, session, and back."""

import numpy as np
from clicks import click, idle
from controls import pick, type_in
from reopened import docked, opened, same_layers, same_runs, saved
from roles import role
from slicing import press

from napari_segadv.results.verdicts import Verdict
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import ADVERSARIAL, CLEAN, ERASED, TARGET


def test_from_an_image_to_a_session_that_is_opened_again(
    window, ready, qtbot, folder, ct, make_napari_viewer
):
    controller = ready.controller
    window.layers.clear()
    data, keywords, _ = image_tuple(ct, "ct")
    image = window.add_image(data, **keywords)
    assert ready.image.value is image
    # The network was made for bytes, the image is in HU.
    pick(qtbot, ready.victim_section.present, "the image's numbers")
    click(qtbot, ready.victim_section.predict_button)
    idle(qtbot, controller)
    clean = role(window, CLEAN)
    structure = int(np.bincount(clean.data.ravel(), minlength=3)[1:].argmax()) + 1
    pick(qtbot, ready.target_section.structure, "ab"[structure - 1])
    pick(qtbot, ready.target_section.shape, "erase")
    click(qtbot, ready.target_section.button)
    idle(qtbot, controller)
    assert not (role(window, TARGET).data == structure).any()
    type_in(qtbot, ready.attack_section.form.editors["steps"], "2")
    type_in(qtbot, ready.attack_section.budget.epsilon, "30")
    click(qtbot, ready.run_button)
    idle(qtbot, controller)
    example = controller.example
    assert 0 < np.abs(example.noise).max() <= 30

    slices = window.window.add_plugin_dock_widget("napari-segadv", "Slices")[1]
    qtbot.waitUntil(lambda: slices.figures is not None)
    qtbot.waitUntil(lambda: slices.plot._still is not None)
    for number, said in ((7, "suspicious"), (13, "obvious")):
        press(qtbot, slices, number)
        click(qtbot, slices.verdicts.buttons[said])
    (run,) = controller.runs
    assert run.verdicts == {7: Verdict("suspicious"), 13: Verdict("obvious")}

    runs = docked(window)
    saved(qtbot, runs, folder)
    fresh = make_napari_viewer(show=True)
    again = opened(qtbot, docked(fresh))
    same_runs(controller, again)
    same_layers(controller, again)
    assert again.victims.source == controller.victims.source
    assert again.runs.current.verdicts == run.verdicts
    np.testing.assert_array_equal(again.shown(ADVERSARIAL).data, example.adversarial.array)
    # The hatch belongs to the attack panel, which is not open in the fresh window.
    names = {x.name for x in window.layers} - {f"ct / {ERASED}"}
    assert {x.name for x in fresh.layers} == names
