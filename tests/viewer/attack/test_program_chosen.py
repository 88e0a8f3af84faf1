"""A program as victim in the attack panel: opened after consent, asked, searched, cancelled."""

import numpy as np
import pytest
from clicks import click, idle
from helpers import disc_image
from modal import answered
from programs import described, gone, question_of
from qtpy.QtWidgets import QDialogButtonBox
from roles import titles

from napari_segadv.viewer.attack.region import BOX, EVERYWHERE, MEASURED
from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, CLEAN, TARGET
from napari_segadv.viewer.runs.session_victim import source_of
from napari_segadv.viewer.widgets.trust_question import TrustQuestion

THRESHOLDS = (95, 155)


@pytest.fixture
def asked(window, panel, qtbot):
    """A function that opens a program in the panel, beside an image, and agrees to it."""
    window.add_image(disc_image(), name="xray")
    idle(qtbot, panel.controller)

    def open_(path):
        said = []

        def agree(dialog):
            said.append((dialog.sha256.text(), dialog.list.toPlainText().split("\n\n")))
            dialog.buttons.button(QDialogButtonBox.Yes).click()

        with answered(qtbot, TrustQuestion, agree):
            panel.victim_section.open(str(path))
        qtbot.waitUntil(lambda: panel.controller.victims.source == str(path))
        idle(qtbot, panel.controller)
        return said[0]

    return open_


def test_it_is_opened_after_consent_and_predicts(window, panel, qtbot, tmp_path, asked):
    path = described(tmp_path)
    expected = question_of(path)
    sha256, listed = asked(path)
    assert sha256 == f"sha256 {expected.sha256}"
    assert listed == [f"{n}. {run}" for n, run in enumerate(expected.runs, start=1)]
    click(qtbot, panel.victim_section.predict_button)
    idle(qtbot, panel.controller)
    clean = dict(zip(titles(window), window.layers, strict=True))[CLEAN]
    np.testing.assert_array_equal(clean.data, np.digitize(disc_image(), THRESHOLDS))


def test_a_session_keeps_its_description(panel, qtbot, tmp_path, asked):
    path = described(tmp_path)
    asked(path)
    # Agreed to before, so that it is opened as it is named.
    panel.controller.victims.load_victim(f"command:{path}")
    idle(qtbot, panel.controller)
    assert panel.controller.victims.source == f"command:{path}"
    kept = source_of(panel.controller)
    assert (kept.source, kept.sha256) == (str(path), panel.controller.victims.victim.sha256)
    assert not kept.missing


def test_only_attacks_without_a_gradient_are_offered(window, panel, qtbot, tmp_path, asked):
    section = panel.attack_section
    assert section.method.value == "pgd"
    asked(described(tmp_path))
    assert set(section.method.choices) == {"square", "synthesis"}
    assert section.method.value == "square"
    # Queries are saved in the box around the change; what is measured by a gradient is not there.
    assert section.region.value == BOX
    assert not set(MEASURED) & set(section.region.choices)
    panel.target_section.structure.value = 2
    panel.target_section.shape.value = "resize"
    click(qtbot, panel.target_section.button)
    idle(qtbot, panel.controller)
    section.budget.epsilon.value = 80
    section.form.editors["steps"].value = 5
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    assert {ADVERSARIAL, AFTER, TARGET} <= set(titles(window))
    record = panel.controller.example.record
    assert (record["method"], record["steps"]) == ("square", 5)
    assert record["parameters"]["loss"] == "soft-iou"
    # A network comes back with all methods.
    panel.victim_section.open("demo:chest-xray")
    qtbot.waitUntil(lambda: panel.controller.victims.source == "demo:chest-xray")
    idle(qtbot, panel.controller)
    assert {"square", "pgd"} <= set(section.method.choices)
    assert section.region.value == EVERYWHERE
    assert set(MEASURED) <= set(section.region.choices)


def test_cancel_stops_the_program(panel, qtbot, tmp_path, asked, monkeypatch):
    note = tmp_path / "note"
    monkeypatch.setenv("PROGRAM_NOTE", str(note))
    asked(described(tmp_path, "hang"))
    click(qtbot, panel.victim_section.predict_button)
    qtbot.waitUntil(lambda: note.exists() and "\n" in note.read_text())
    click(qtbot, panel.cancel_button)
    idle(qtbot, panel.controller)
    assert gone(note.read_text())


def test_what_goes_wrong_is_said(panel, qtbot, tmp_path, asked):
    asked(described(tmp_path, "fail"))
    click(qtbot, panel.victim_section.predict_button)
    idle(qtbot, panel.controller)
    assert "no weights in /models" in panel.status.text().replace("\u200b", "")
