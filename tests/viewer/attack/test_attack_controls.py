"""Every control of the attack with real keys and clicks: what is set is what is run."""

import numpy as np
import pytest
import torch
from clicks import click, idle, loaded
from controls import notices, pick, tick, tip_of, type_in
from helpers import disc_labels, volume_victim
from roles import titles

from napari_segadv.common.budgets import share_of_window
from napari_segadv.viewer.attack.slice_range import SOME
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import PREVIEW
from napari_segadv.viewer.layers.task_view import UNTARGETED


@pytest.fixture
def ready(ready, qtbot):
    """A photograph and a small victim, to be attacked without a target in two steps."""
    pick(qtbot, ready.target, UNTARGETED)
    type_in(qtbot, ready.attack_section.form.editors["steps"], "2")
    return ready


def run(qtbot, panel):
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    example = panel.controller.example
    assert example is not None, panel.status.text()
    return example


def test_a_seed_repeats_a_random_start(ready, qtbot):
    section = ready.attack_section
    tick(qtbot, section.form.editors["random_start"])
    made = []
    for seed in ("5", "5", "6"):
        type_in(qtbot, section.seed, seed)
        example = run(qtbot, ready)
        assert example.record["seed"] == int(seed)
        assert example.record["parameters"]["random_start"] is True
        made.append(example.noise)
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).any()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_the_device_that_is_chosen_is_the_one_that_computes(window, ready, qtbot):
    pick(qtbot, ready.attack_section.device, "cuda")
    with notices() as told:
        click(qtbot, ready.run_button)
        idle(qtbot, ready.controller)
    assert told == [("error", "device cuda: torch finds no GPU here; choose cpu (--device cpu)")]
    assert ready.status.text() == told[0][1]
    assert len(ready.controller.runs) == 0
    assert titles(window) == ["xray"]
    pick(qtbot, ready.attack_section.device, "cpu")
    assert run(qtbot, ready).record["device"] == "cpu"


def test_a_budget_for_the_whole_change(ready, qtbot):
    budget = ready.attack_section.budget
    pick(qtbot, budget.norm, "overall")
    pixels = 48 * 64
    # Another norm brings another suggestion: half a percent as root mean square.
    suggested = budget.values()["epsilon"]
    assert share_of_window("l2", suggested, 255, pixels) == pytest.approx(0.5, rel=0.05)
    type_in(qtbot, budget.epsilon, "90")
    share = share_of_window("l2", 90, 255, pixels)
    line = f"grey level: RMS {share:.2g} % of the model's window"
    assert budget.share.text() == line
    assert "255 grey levels wide" in tip_of(budget.share)
    example = run(qtbot, ready)
    assert example.record["budget"]["norm"] == "l2"
    assert example.record["budget"]["epsilon"] == 90
    assert 45 < np.linalg.norm(example.noise) <= 90
    pick(qtbot, budget.norm, "per pixel")
    assert budget.values() == {"epsilon": pytest.approx(5.1), "norm": "linf"}
    assert "RMS" not in budget.share.text()


def test_the_check_mark_of_the_goal(ready, qtbot):
    goal = ready.attack_section.form.editors["goal"]
    assert goal.value == 0.99
    tick(qtbot, goal.given)
    assert not goal.inner.native.isEnabled()
    assert run(qtbot, ready).record["parameters"]["goal"] is None
    tick(qtbot, goal.given)
    type_in(qtbot, goal.inner, "0.01")
    example = run(qtbot, ready)
    assert example.record["parameters"]["goal"] == 0.01


def test_the_check_marks_of_steps_and_budget(window, ready, qtbot):
    section = ready.attack_section
    window.add_labels(disc_labels(), name="wanted")
    pick(qtbot, ready.target, "wanted")
    pick(qtbot, section.method, section.attacks["asma"].title)
    steps = section.form.editors["steps"]
    assert steps.value is None
    assert not steps.inner.native.isEnabled()
    tick(qtbot, steps.given)
    type_in(qtbot, steps.inner, "3")
    assert section.values()["steps"] == 3
    assert section.values()["epsilon"] is None
    assert not section.budget.epsilon.native.isEnabled()
    tick(qtbot, section.budget.limited)
    type_in(qtbot, section.budget.epsilon, "4")
    example = run(qtbot, ready)
    assert example.record["parameters"]["steps"] == 3
    assert example.record["steps"] <= 3
    assert example.record["budget"]["epsilon"] == 4
    assert np.abs(example.noise).max() <= 4
    tick(qtbot, steps.given)
    assert section.values()["steps"] is None


def test_the_check_mark_of_the_preview(window, ready, qtbot):
    came = []
    title = ready.controller.title
    window.layers.events.inserted.connect(lambda event: came.append(title(event.value)))
    tick(qtbot, ready.attack_section.preview)
    run(qtbot, ready)
    assert PREVIEW not in came
    tick(qtbot, ready.attack_section.preview)
    run(qtbot, ready)
    assert PREVIEW in came


def test_slices_are_chosen_and_typed(window, ready, qtbot, ct):
    section = ready.attack_section
    loaded(qtbot, ready, volume_victim(2))
    data, keywords, _ = image_tuple(ct, "ct")
    window.add_image(data, **keywords)
    pick(qtbot, ready.image, "ct")
    # Each image has a target of its own.
    pick(qtbot, ready.target, UNTARGETED)
    pick(qtbot, section.slices.which, SOME)
    type_in(qtbot, section.slices.first, "7")
    type_in(qtbot, section.slices.last, "9")
    type_in(qtbot, section.form.editors["steps"], "1")
    example = run(qtbot, ready)
    assert example.record["slices"] == [7, 9]
    assert set(np.flatnonzero(np.abs(example.noise).max((1, 2)))) == {7, 8, 9}
