"""Region and budget in the panel: where the noise may live, and attacks without a limit."""

import numpy as np
import pytest
from clicks import click, idle
from helpers import disc_image

from napari_segadv.viewer.attack_panel import UNTARGETED


@pytest.fixture
def ready(window, panel, qtbot, weights_file):
    window.add_image(disc_image(), name="xray")
    panel.victim_section.open(str(weights_file))
    idle(qtbot, panel.controller)
    panel.target.value = UNTARGETED
    panel.form.editors["steps"].value = 3
    panel.budget.epsilon.value = 30
    return panel


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
    assert layer in ready.region.choices
    ready.region.value = layer
    noise = noise_of(ready, qtbot)
    assert noise[10:30, 20:40].any()
    noise[10:30, 20:40] = 0
    assert not noise.any()
    window.layers.remove(layer)
    assert ready.region.region is None


def test_a_measured_region_is_a_choice(ready, qtbot):
    assert "bounding-box" in ready.region.choices
    ready.region.value = "bounding-box"
    record = noise_of(ready, qtbot)
    assert record.any()


def test_an_attack_without_a_budget_has_none_at_first(ready, qtbot):
    assert not ready.budget.limited.native.isVisible()
    assert ready.budget.values()["epsilon"] == 30
    ready.method.value = "least"
    assert ready.budget.limited.native.isVisible()
    assert ready.budget.values()["epsilon"] is None
    assert "no limit" in ready.budget.share.text()
    ready.budget.limited.value = True
    assert ready.budget.values()["epsilon"] == 30
    ready.method.value = "pgd"
    assert not ready.budget.limited.native.isVisible()
    assert ready.budget.values()["epsilon"] == 30


def test_the_norms_are_those_of_the_attack(ready):
    assert set(ready.budget.norm.choices) == {"linf", "l2"}
    ready.method.value = "square"
    assert tuple(ready.budget.norm.choices) == ("linf",)
    ready.method.value = "pgd"
    assert set(ready.budget.norm.choices) == {"linf", "l2"}
