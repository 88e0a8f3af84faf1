"""Every attack that a segmentation can be attacked with: chosen in the list, run by a click."""

import numpy as np
import pytest
from clicks import click, idle, loaded
from controls import pick
from helpers import disc_image, finish
from magicgui.backends._qtpy import widgets
from magicgui.types import FileDialogMode
from roles import role, titles

from napari_segadv.attacks.fields.recipe import Recipe
from napari_segadv.data.scan import Scan
from napari_segadv.training.generator.train import train
from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, CLEAN, ERASED, NOISE
from napari_segadv.viewer.layers.task_view import UNTARGETED

RESULTS = {ADVERSARIAL, NOISE, CLEAN, AFTER}
FIELDS = {"displacement", "intensity"}


@pytest.fixture
def ready(window, panel, qtbot, band_victim):
    """A photograph, a victim, and a target in which a structure is gone."""
    image = window.add_image(disc_image(), name="xray")
    loaded(qtbot, panel, band_victim)
    wanted = band_victim.predict(Scan.from_array(image.data)).array.copy()
    wanted[:, 40:] = 0
    panel.target.value = window.add_labels(wanted, name="wanted")
    # Of a single step there is nothing to be seen meanwhile.
    panel.attack_section.preview.value = False
    return panel


def run(window, panel, qtbot, method):
    """One step of a method, chosen by the arrow keys; what it left."""
    section = panel.attack_section
    pick(qtbot, section.method, section.attacks[method].title)
    assert section.method.value == method
    if "steps" in section.form.editors:
        section.form.editors["steps"].value = 1
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    assert "largest change" in panel.status.text()
    *_, last = panel.controller.runs
    example = panel.controller.example
    assert last.example is example
    assert example.record["method"] == method
    # `worst` takes the steps of each of its attacks.
    most = len(example.record["details"]["members"]) if method == "worst" else 1
    assert example.record["steps"] <= most
    # What the target erases is hatched soon after.
    hatched = set() if panel.target.value == UNTARGETED else {ERASED}
    names = sorted({"xray", "wanted"} | RESULTS | set(example.fields) | hatched)
    qtbot.waitUntil(lambda: sorted(titles(window)) == names)
    np.testing.assert_array_equal(role(window, ADVERSARIAL).data, example.adversarial.array)
    np.testing.assert_array_equal(role(window, AFTER).data, example.prediction_adversarial.array)
    changed = example.adversarial.array.astype(int) - panel.image.value.data
    np.testing.assert_array_equal(role(window, NOISE).data, changed)
    return example


def test_one_step_of_every_method(window, ready, qtbot):
    attacks = ready.attack_section.attacks
    fit = {name for name, attack in attacks.items() if "segmentation" in attack.tasks}
    assert set(ready.attack_section.method.choices) == fit
    # What is drawn by a trained generator needs one.
    for method in sorted(fit - {"synthesis"}):
        run(window, ready, qtbot, method)
    assert len(ready.controller.runs) == len(fit) - 1


def test_the_fields_of_a_deformation_go_with_it(window, ready, qtbot):
    assert set(run(window, ready, qtbot, "deform").fields) == FIELDS
    assert set(titles(window)) >= FIELDS
    run(window, ready, qtbot, "pgd")
    assert not set(titles(window)) & FIELDS


def test_a_learned_synthesis_draws_from_the_folder_that_is_chosen(
    window, ready, qtbot, band_victim, tmp_path, monkeypatch
):
    section, folder = ready.attack_section, tmp_path / "generator"
    scans = [Scan.from_array(disc_image(seed=seed)) for seed in range(2)]
    recipe = Recipe(width=4, latent=2, batch=2, epochs=1, rate=0.03)
    finish(train(scans, band_victim, recipe, folder))
    pick(qtbot, ready.target, UNTARGETED)
    pick(qtbot, section.method, section.attacks["synthesis"].title)
    click(qtbot, ready.run_button)
    idle(qtbot, ready.controller)
    assert "generator" in ready.status.text()
    assert len(ready.controller.runs) == 0
    section.form.editors["samples"].value = 2
    # magicgui keeps the dialogs' functions in a table of its own.
    asked = FileDialogMode.EXISTING_DIRECTORY
    monkeypatch.setitem(widgets.QFILE_DIALOG_MODES, asked, lambda *a: str(folder))
    click(qtbot, section.form.editors["generator"].choose_btn.native)
    assert section.values()["generator"] == str(folder)
    example = run(window, ready, qtbot, "synthesis")
    assert example.record["parameters"]["generator"] == str(folder)
    assert set(example.fields) == FIELDS
