"""Region and budget in the panel: where the noise may live, and attacks without a limit."""

import numpy as np
import pytest
from clicks import click, idle
from roles import role

from napari_segadv.viewer.attack.region import EVERYWHERE
from napari_segadv.viewer.layers.names import CLEAN
from napari_segadv.viewer.layers.task_view import UNTARGETED


@pytest.fixture
def ready(ready):
    ready.target.value = UNTARGETED
    ready.attack_section.form.editors["steps"].value = 3
    ready.attack_section.budget.epsilon.value = 30
    return ready


def noise_of(panel, qtbot):
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    assert panel.controller.example is not None, panel.status.text()
    return panel.controller.example.noise


def test_a_painted_region_holds_the_noise(window, ready, qtbot):
    painted = np.zeros((48, 64), np.uint8)
    painted[10:30, 20:40] = 3
    layer = window.add_labels(painted, name="where")
    ready.target.value = UNTARGETED
    assert layer in ready.attack_section.region.choices
    ready.attack_section.region.value = layer
    noise = noise_of(ready, qtbot)
    assert noise[10:30, 20:40].any()
    noise[10:30, 20:40] = 0
    assert not noise.any()
    window.layers.remove(layer)
    click(qtbot, ready.run_button)
    assert "layer of the region was removed" in ready.status.text()
    ready.attack_section.region.value = EVERYWHERE
    assert ready.attack_section.region.region is None


def test_a_measured_region_is_a_choice(window, ready, qtbot):
    controller, region = ready.controller, ready.attack_section.region
    assert "bounding-box" in region.choices
    click(qtbot, ready.victim_section.predict_button)
    idle(qtbot, controller)
    clean = role(window, CLEAN).data
    wanted = clean.copy()
    wanted[12:25, 30:45] = (clean[12:25, 30:45] + 1) % 3
    ready.target.value = window.add_labels(wanted, name="wanted")
    region.value = "bounding-box"
    noise = noise_of(ready, qtbot)
    assert controller.example.record["inputs"]["region"] == "bounding-box"
    assert noise[12:25, 30:45].any()
    noise[12:25, 30:45] = 0
    assert not noise.any()


def test_an_attack_without_a_budget_has_none_at_first(ready, qtbot):
    assert not ready.attack_section.budget.limited.native.isVisible()
    assert ready.attack_section.budget.values()["epsilon"] == 30
    ready.attack_section.method.value = "least"
    assert ready.attack_section.budget.limited.native.isVisible()
    assert ready.attack_section.budget.values()["epsilon"] is None
    assert "no limit" in ready.attack_section.budget.share.text()
    ready.attack_section.budget.limited.value = True
    assert ready.attack_section.budget.values()["epsilon"] == 30
    ready.attack_section.method.value = "pgd"
    assert not ready.attack_section.budget.limited.native.isVisible()
    assert ready.attack_section.budget.values()["epsilon"] == 30


def test_the_norms_are_those_of_the_attack(ready):
    assert set(ready.attack_section.budget.norm.choices) == {"linf", "l2", "visible"}
    ready.attack_section.method.value = "square"
    assert tuple(ready.attack_section.budget.norm.choices) == ("linf",)
    ready.attack_section.method.value = "pgd"
    assert set(ready.attack_section.budget.norm.choices) == {"linf", "l2", "visible"}
