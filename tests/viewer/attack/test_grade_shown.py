"""A classification in a real window: classes to choose from, and text over the image."""

import json

import numpy as np
import pytest
import torch
from clicks import click, idle
from napari.layers import Shapes
from reopened import docked, opened, saved
from roles import titles

from napari_segadv.data.grade import Grade
from napari_segadv.data.scan import Grid
from napari_segadv.viewer.layers.task_view import CHOOSE, UNTARGETED
from napari_segadv.viewer.layers.tasks.classification import BAND, band

CLASSES = ["none", "mild", "severe"]


@pytest.fixture
def grader(tmp_path):
    """A small DenseNet whose grades depend on the image, as weights with a description."""
    from monai.networks.nets import DenseNet

    arguments = {"spatial_dims": 2, "in_channels": 1, "out_channels": 3, "init_features": 4}
    arguments |= {"growth_rate": 4, "block_config": [1, 1], "bn_size": 1}
    torch.manual_seed(3)  # its classes are near each other
    torch.save(DenseNet(**arguments).state_dict(), tmp_path / "grader.pt")
    description = {"network": "DenseNet", "arguments": arguments, "task": "classification"}
    description |= {"classes": CLASSES, "window": [0, 255]}
    (tmp_path / "grader.json").write_text(json.dumps(description))
    return tmp_path / "grader.pt"


@pytest.fixture
def ready(window, panel, qtbot, grader):
    rng = np.random.default_rng(0)
    window.add_image(rng.integers(0, 256, (64, 80)).astype(np.uint8), name="eye")
    panel.victim_section.open(str(grader))
    idle(qtbot, panel.controller)
    assert panel.victim_section.victim.value == str(grader)
    return panel


def layers(viewer):
    return dict(zip(titles(viewer), viewer.layers, strict=True))


def said(layer):
    """The text that a layer shows."""
    assert isinstance(layer, Shapes)
    assert layer.visible
    assert layer.text.visible
    (text,) = set(layer.text.values)
    return text


def test_classes_are_offered_in_place_of_painting(window, ready, weights_file, qtbot):
    panel = ready
    assert list(panel.target.choices) == [CHOOSE, 0, 1, 2, UNTARGETED]
    assert not panel.target_section.isVisible()
    assert all(name in panel.victim_section.about.text() for name in CLASSES)
    offered = set(panel.attack_section.method.choices)
    assert {"pgd", "fgsm", "deepfool"} <= offered
    assert "dag" not in offered
    assert not panel.run_button.isEnabled()
    assert panel.missing.text() == "choose a target: a class, or none (untargeted)"
    panel.target.value = 2
    window.add_labels(np.zeros((64, 80), int))
    assert panel.target.value == 2
    panel.victim_section.open(str(weights_file))
    idle(qtbot, panel.controller)
    assert panel.target_section.isVisible()
    assert panel.target.value == CHOOSE
    assert "dag" in panel.attack_section.method.choices


def test_from_image_to_another_class(window, ready, qtbot):
    panel = ready
    click(qtbot, panel.victim_section.predict_button)
    idle(qtbot, panel.controller)
    clean = panel.controller.victims.victim.predict(
        panel.controller.victims.checked(panel.image.value)[0]
    )
    assert said(layers(window)["prediction (clean)"]) == f"clean: {clean.text}"
    target = (clean.label + 1) % 3
    panel.target.value = target
    panel.attack_section.budget.epsilon.value = 40
    panel.attack_section.form.editors["steps"].value = 10
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    assert titles(window) == [
        *("eye", "adversarial", "noise", "prediction (clean)", "prediction (adversarial)")
    ]
    example = panel.controller.example
    assert example.target.label == target
    after = example.prediction_adversarial
    assert said(layers(window)["prediction (adversarial)"]) == f"adversarial: {after.text}"
    assert said(layers(window)["prediction (clean)"]) == f"clean: {clean.text}"
    assert f"became {after.text}" in panel.status.text()
    # Both bands lie over the image, one along each edge.
    top, bottom = (
        np.vstack(layers(window)[f"prediction ({name})"].data) for name in ("clean", "adversarial")
    )
    assert (top[:, 0].min(), bottom[:, 0].max()) == (-0.5, 63.5)
    assert top[:, 0].max() < bottom[:, 0].min()
    assert (window.screenshot(flash=False)[..., :3].max(axis=-1) > 200).any()


def test_untargeted_and_a_second_run(window, ready, qtbot):
    panel = ready
    panel.target.value = UNTARGETED
    panel.attack_section.form.editors["steps"].value = 2
    for _ in range(2):
        click(qtbot, panel.run_button)
        idle(qtbot, panel.controller)
    names = titles(window)
    assert len(names) == len(set(names)) == 5
    assert panel.controller.example.record["goal"] == "untargeted"


@pytest.mark.parametrize("choice", [2, UNTARGETED])
@pytest.mark.parametrize("later", [True, False])
def test_a_session_keeps_the_class_that_was_chosen(
    window, ready, qtbot, folder, make_napari_viewer, choice, later
):
    ready.target.value = choice
    saved(qtbot, docked(window), folder)
    fresh = make_napari_viewer(show=True)

    def attack_panel():
        widget = fresh.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")[1]
        qtbot.waitUntil(lambda: bool(widget.controller.victims.attacks))
        idle(qtbot, widget.controller)
        return widget

    panel = None if later else attack_panel()
    opened(qtbot, docked(fresh))
    if panel is None:
        panel = attack_panel()
    assert panel.controller.victims.source == ready.controller.victims.source
    assert panel.target.value == choice
    # Another victim's classes are not these.
    panel.victim_section.choose("demo:chest-xray")
    idle(qtbot, panel.controller)
    assert panel.target.value == (CHOOSE if choice == 2 else UNTARGETED)
    assert panel.controller.choice == (None if choice == 2 else "untargeted")


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("above", [True, False])
def test_the_band_lies_on_the_side_that_is_shown(sign, above):
    grid = Grid((5, 40, 30), (1.0,) * 3, (0.0,) * 3, np.diag([1.0, sign, 1.0]))
    data, keywords, kind = band("none 99.0 %", Grade(0), grid, above)
    assert kind == "shapes"
    assert [corners[0, 0] for corners in data] == [0, 1, 2, 3, 4]
    first = above == (sign > 0)
    edge = -0.5 if first else 39.5
    assert all(edge in corners[:, 1] for corners in data)
    assert np.ptp(data[0][:, 1]) == pytest.approx(BAND * 40)
    assert keywords["features"]["text"] == ["none 99.0 %"] * 5
