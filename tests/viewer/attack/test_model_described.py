"""A model that does not describe itself: its form in a real window, tried and then saved."""

import json
import threading

import numpy as np
import pytest
import torch
from clicks import click, drained, idle
from helpers import ARGUMENTS, BYTES, PATIENCE, bands, disc_image, small_network
from modal import answered
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialogButtonBox, QFileDialog
from roles import role

from napari_segadv.data.scan import Scan
from napari_segadv.victims.loading.consent import remembered
from napari_segadv.victims.victim import Victim
from napari_segadv.viewer.layers.names import CLEAN
from napari_segadv.viewer.widgets.trust_question import TrustQuestion


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "mine.pt"
    torch.save(small_network().state_dict(), path)
    return path


@pytest.fixture
def script(tmp_path):
    """Bands of intensity, as TorchScript."""
    path = tmp_path / "bands.ts"
    torch.jit.script(bands()).save(str(path))
    return path


def opened(qtbot, panel, path, monkeypatch):
    """The form for a file that is opened by the button."""
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(path), ""))
    click(qtbot, panel.victim_section.file_button)
    idle(qtbot, panel.controller)
    form = panel.form
    qtbot.waitUntil(form.isVisible)
    return form


def type_in(qtbot, form, key, text):
    """Types into a field, in place of what is there."""
    editor = form.editors[key]
    editor.setFocus()
    editor.selectAll()
    qtbot.keyClick(editor, Qt.Key_Delete)
    qtbot.keyClicks(editor, text)


def tried(qtbot, panel, form):
    click(qtbot, form.try_button)
    qtbot.waitUntil(lambda: form.try_button.text() == "Try")
    idle(qtbot, panel.controller)


def rows(form):
    table = form.result.table
    return [
        tuple(table.item(row, column).text() for column in (0, 1))
        for row in range(table.rowCount())
    ]


def test_weights_are_described_tried_and_saved(window, panel, qtbot, weights, monkeypatch):
    window.add_image(disc_image(), name="xray")
    before = panel.controller.victims.source
    form = opened(qtbot, panel, weights, monkeypatch)
    # The shapes tell the class, its arguments, the channels, and how many classes there are.
    assert form.texts()["network"] == "UNet"
    assert json.loads(form.texts()["arguments"]) == ARGUMENTS
    assert "The weights fit UNet." in form.status.text()
    assert form.texts()["classes"] == "background, class 1, class 2"
    assert form.texts()["dims"] == "2"
    assert form.texts()["window"] == "0, 255"
    assert not form.save_button.isEnabled()
    assert panel.controller.victims.source == panel.victim_section.victim.value == before
    type_in(qtbot, form, "classes", "background, heart, lungs")
    tried(qtbot, panel, form)
    assert form.status.text() == ""
    victim = Victim(
        small_network(),
        "mine",
        dims=2,
        array_order=True,
        steps=(BYTES,),
    )
    expected = victim.predict(Scan.from_array(disc_image())).array
    counts = np.bincount(expected.ravel(), minlength=3)
    sizes = [f"{n:,} pixels" if n else "none" for n in counts[1:].tolist()]
    assert rows(form) == [("heart", sizes[0]), ("lungs", sizes[1])]
    assert form.result.picture.isVisible()
    assert not weights.with_suffix(".json").exists()
    click(qtbot, form.save_button)
    idle(qtbot, panel.controller)
    assert panel.form is None
    assert json.loads(weights.with_suffix(".json").read_text()) == {
        "network": "UNet",
        "arguments": ARGUMENTS,
        "task": "segmentation",
        "classes": ["background", "heart", "lungs"],
        "dims": 2,
        "channels": 1,
        "window": [0, 255],
    }
    controller = panel.controller
    assert controller.victims.source == panel.victim_section.victim.value == str(weights)
    assert controller.victims.victim.classes == ("background", "heart", "lungs")
    click(qtbot, panel.victim_section.predict_button)
    idle(qtbot, controller)
    assert (role(window, CLEAN).data == expected).all()


def test_an_error_is_one_line_and_nothing_is_saved(window, panel, qtbot, weights, monkeypatch):
    window.add_image(disc_image(), name="xray")
    form = opened(qtbot, panel, weights, monkeypatch)
    for key, text, said in (
        ("arguments", '{"spatial_dims": 2}', "refuses its arguments"),
        ("network", "Net", "no network class Net"),
        ("window", "255, 0", "window '255, 0': needs two numbers, the smaller one first"),
        ("arguments", "spatial", "arguments 'spatial': is no JSON"),
        ("classes", "background, heart", "names 2 classes but predicts 3"),
        ("roi_size", "64", '"roi_size" needs 2 numbers'),
        ("channels", "3", "needs a colour image"),
    ):
        earlier = form.texts()[key]
        type_in(qtbot, form, key, text)
        tried(qtbot, panel, form)
        assert said in form.status.text()
        assert "\n" not in form.status.text()
        assert not form.save_button.isEnabled()
        assert not form.result.picture.isVisible()
        type_in(qtbot, form, key, earlier)
    tried(qtbot, panel, form)
    assert form.save_button.isEnabled()
    # What was tried is not what would be saved.
    type_in(qtbot, form, "classes", "a, b, c")
    assert not form.save_button.isEnabled()
    assert rows(form) == []
    assert "Changed since" in form.result.caption.text()
    click(qtbot, form.close_button)
    drained(qtbot)
    assert panel.form is None
    assert list(weights.parent.glob("mine*")) == [weights]


def test_code_is_asked_about_before_it_runs(window, panel, qtbot, script, monkeypatch):
    image = disc_image()
    window.add_image(image, name="xray", contrast_limits=(0, 250))
    form = opened(qtbot, panel, script, monkeypatch)
    # No class and arguments: the program is its own.
    assert "network" not in form.editors
    assert form.texts()["dims"] == "2"
    click(qtbot, form.from_screen)
    assert form.texts()["window"] == "0, 250"
    type_in(qtbot, form, "window", "0, 255")
    type_in(qtbot, form, "classes", "ground, dim, bright")

    def no(question):
        assert "TorchScript" in question.list.toPlainText()
        click(qtbot, question.buttons.button(QDialogButtonBox.No))

    with answered(qtbot, TrustQuestion, no):
        click(qtbot, form.try_button)
    assert "may not run" in form.status.text()
    assert not form.save_button.isEnabled()
    assert remembered() == {}
    yes = lambda question: click(qtbot, question.buttons.button(QDialogButtonBox.Yes))
    with answered(qtbot, TrustQuestion, yes):
        click(qtbot, form.try_button)
    qtbot.waitUntil(form.save_button.isEnabled)
    assert [name for name, _ in rows(form)] == ["dim", "bright"]
    assert list(remembered().values()) == [str(script)]
    # It is not asked about again.
    click(qtbot, form.save_button)
    idle(qtbot, panel.controller)
    assert panel.controller.victims.source == str(script)
    found = panel.controller.victims.victim.predict(Scan.from_array(image))
    assert set(np.unique(found.array)) == {0, 1, 2}


def test_without_an_image_nothing_is_tried(window, panel, qtbot, weights, monkeypatch):
    form = opened(qtbot, panel, weights, monkeypatch)
    assert not form.try_button.isEnabled()
    assert "Open an image" in form.result.caption.text()
    window.add_image(disc_image(), name="xray")
    drained(qtbot)
    assert form.try_button.isEnabled()


def test_a_description_that_came_meanwhile_stays(window, panel, qtbot, weights, monkeypatch):
    window.add_image(disc_image(), name="xray")
    form = opened(qtbot, panel, weights, monkeypatch)
    tried(qtbot, panel, form)
    source = weights.with_suffix(".json")
    source.write_text("{}")
    click(qtbot, form.save_button)
    assert "is there by now" in form.status.text()
    assert form.isVisible()
    assert source.read_text() == "{}"


def test_what_no_description_can_mend_is_said_at_once(window, panel, qtbot, tmp_path, monkeypatch):
    path = tmp_path / "whole.pt"
    torch.save(small_network(), path)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(path), ""))
    click(qtbot, panel.victim_section.file_button)
    idle(qtbot, panel.controller)
    assert "save network.state_dict() instead" in panel.status.text()
    assert panel.form is None


def test_a_trial_is_cancelled_with_the_form(window, panel, qtbot, weights, monkeypatch):
    window.add_image(disc_image(), name="xray")
    form = opened(qtbot, panel, weights, monkeypatch)
    begun, go_on = threading.Event(), threading.Event()

    def waiting(self, *given, **more):
        begun.set()
        assert go_on.wait(PATIENCE)
        given[2]()

    monkeypatch.setattr(Victim, "predict", waiting)
    click(qtbot, form.try_button)
    qtbot.waitUntil(begun.is_set)
    assert form.try_button.text() == "Cancel"
    click(qtbot, form.try_button)
    go_on.set()
    qtbot.waitUntil(lambda: form.try_button.text() == "Try")
    assert form.status.text() == "Cancelled."
    begun.clear()
    go_on.clear()
    click(qtbot, form.try_button)
    qtbot.waitUntil(begun.is_set)
    qtbot.keyClick(form, Qt.Key_Escape)
    go_on.set()
    idle(qtbot, panel.controller)
    assert panel.form is None


def test_another_image_is_another_trial(window, panel, qtbot, weights, monkeypatch):
    window.add_image(disc_image(), name="xray")
    form = opened(qtbot, panel, weights, monkeypatch)
    tried(qtbot, panel, form)
    assert form.save_button.isEnabled()
    window.add_image(disc_image(seed=1), name="other")
    panel.image.value = window.layers["other"]
    drained(qtbot)
    assert not form.save_button.isEnabled()
    assert "Changed since" in form.result.caption.text()
