"""What the attack panel proposes and keeps: a victim that fits the image, and a region."""

import numpy as np
import pytest
from clicks import click, idle
from helpers import disc_image
from qtpy.QtCore import Qt

from napari_segadv.viewer.attack.region import CHOOSE, EVERYWHERE
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.task_view import UNTARGETED

REMOVED = "the layer of the region was removed; choose another region"


def opened(window, qtbot):
    """The panel, once it has loaded the first victim."""
    _, panel = window.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")
    qtbot.waitUntil(lambda: panel.controller.victims.victim is not None)
    idle(qtbot, panel.controller)
    return panel


@pytest.mark.parametrize("name", ["fundus", "chest-xray", "abdomen-ct"])
def test_beside_an_image_the_victim_that_was_trained_on_such_is_loaded(window, qtbot, ct, name):
    if name == "fundus":
        window.add_image(np.dstack([disc_image()] * 3), rgb=True, name="colours")
    elif name == "chest-xray":
        window.add_image(disc_image(), name="grey")
    else:
        data, keywords, _ = image_tuple(ct, "ct")
        window.add_image(data, **keywords)
    panel = opened(window, qtbot)
    assert panel.victim_section.victim.value == f"demo:{name}"
    assert panel.controller.victims.source == f"demo:{name}"
    assert panel.controller.victims.task == "segmentation"


def test_so_is_it_for_an_image_that_is_opened_after_the_panel(window, qtbot):
    panel = opened(window, qtbot)
    assert panel.controller.victims.source == panel.victim_section.victim.choices[0]
    window.add_image(np.dstack([disc_image()] * 3), rgb=True, name="colours")
    idle(qtbot, panel.controller)
    assert panel.controller.victims.source == panel.victim_section.victim.value == "demo:fundus"
    # Once a model is chosen, it stays.
    window.add_image(disc_image(), name="grey")
    idle(qtbot, panel.controller)
    assert panel.controller.victims.source == "demo:fundus"


def test_a_model_that_was_chosen_by_hand_stays(window, qtbot):
    panel = opened(window, qtbot)
    qtbot.keyClick(panel.victim_section.victim.native, Qt.Key_Down)
    idle(qtbot, panel.controller)
    chosen = panel.controller.victims.source
    qtbot.keyClick(panel.victim_section.victim.native, Qt.Key_Up)
    idle(qtbot, panel.controller)
    assert panel.controller.victims.source == panel.victim_section.victim.choices[0] != chosen
    window.add_image(np.dstack([disc_image()] * 3), rgb=True, name="colours")
    idle(qtbot, panel.controller)
    assert panel.controller.victims.source == panel.victim_section.victim.choices[0]


def test_a_panel_opened_again_keeps_the_victim_that_was_chosen(window, qtbot, weights_file):
    window.add_image(np.dstack([disc_image()] * 3), rgb=True, name="colours")
    panel = opened(window, qtbot)
    panel.victim_section.open(str(weights_file))
    idle(qtbot, panel.controller)
    again = opened(window, qtbot)
    assert again.victim_section.victim.value == str(weights_file)
    assert again.controller.victims.source == str(weights_file)


def test_a_region_that_was_removed_is_not_taken_for_everywhere(window, ready, qtbot):
    ready.target.value = UNTARGETED
    ready.attack_section.form.editors["steps"].value = 1
    region, controller = ready.attack_section.region, ready.controller
    # An earlier layer of the kind is not taken in its place.
    window.add_labels(np.ones((48, 64), np.uint8), name="another")
    region.value = window.add_labels(np.ones((48, 64), np.uint8), name="where")
    ready.target.value = UNTARGETED
    window.layers.remove("where")
    assert region.value == CHOOSE
    window.add_labels(np.ones((48, 64), np.uint8), name="yet another")
    ready.target.value = UNTARGETED
    assert region.value == CHOOSE
    click(qtbot, ready.run_button)
    assert ready.status.text() == REMOVED
    assert not controller.jobs.busy
    assert len(controller.runs) == 0
    region.value = EVERYWHERE
    click(qtbot, ready.run_button)
    idle(qtbot, controller)
    assert len(controller.runs) == 1
    # The next layer that comes or goes takes the question away.
    window.layers.remove("yet another")
    assert region.value == EVERYWHERE
    assert CHOOSE not in region.choices


def test_a_region_that_was_renamed_stays_the_region(window, ready, qtbot):
    ready.target.value = UNTARGETED
    ready.attack_section.form.editors["steps"].value = 1
    painted = np.zeros((48, 64), np.uint8)
    painted[:, :20] = 1
    layer = window.add_labels(painted, name="where")
    ready.attack_section.region.value = layer
    ready.target.value = UNTARGETED
    layer.name = "renamed"
    window.add_labels(painted, name="another")
    ready.target.value = UNTARGETED
    assert ready.attack_section.region.value is layer
    click(qtbot, ready.run_button)
    idle(qtbot, ready.controller)
    noise = ready.controller.example.noise
    assert noise[:, :20].any()
    assert not noise[:, 20:].any()
