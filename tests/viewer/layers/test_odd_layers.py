"""Layers as they come from anywhere: predicted once, refused in a line, shown as text."""

from dataclasses import replace

import numpy as np
import pytest
from clicks import click, idle, loaded
from helpers import disc_image, disc_labels
from qtpy.QtGui import QTextDocument
from roles import has, role

from napari_segadv.viewer.layers.names import CLEAN, TARGET
from napari_segadv.viewer.layers.task_view import UNTARGETED


@pytest.fixture
def counted(ready, monkeypatch):
    """The panel beside a plain image, and what its network has predicted."""
    victim, calls = ready.controller.victims.victim, []
    predict = type(victim).predict

    def counting(self, scan, *more):
        calls.append(scan)
        return predict(self, scan, *more)

    monkeypatch.setattr(type(victim), "predict", counting)
    return ready, calls


def predicted(qtbot, panel):
    click(qtbot, panel.victim_section.predict_button)
    idle(qtbot, panel.controller)


def targeted(qtbot, panel):
    panel.target_section.shape.value = "copy"
    click(qtbot, panel.target_section.button)
    idle(qtbot, panel.controller)


def test_a_plain_image_is_predicted_once(window, counted, qtbot):
    panel, calls = counted
    predicted(qtbot, panel)
    predicted(qtbot, panel)
    targeted(qtbot, panel)
    assert len(calls) == 1
    np.testing.assert_array_equal(role(window, TARGET).data, role(window, CLEAN).data)
    # Another image is another prediction, and so is one that was changed.
    window.layers["xray"].data = disc_image(seed=1)
    predicted(qtbot, panel)
    assert len(calls) == 2
    panel.image.value = window.add_image(disc_image(seed=2), name="other")
    predicted(qtbot, panel)
    predicted(qtbot, panel)
    assert len(calls) == 3


@pytest.mark.parametrize("number", [-1, 70_000])
@pytest.mark.parametrize("use", ["region", "target", "start"])
def test_numbers_that_no_file_can_hold_are_refused_in_a_line(window, ready, qtbot, number, use):
    labels = disc_labels().astype(np.int32)
    labels[3, 4] = number
    odd = window.add_labels(labels, name="odd")
    ready.target.value = UNTARGETED
    ready.attack_section.form.editors["steps"].value = 1
    if use == "region":
        ready.attack_section.region.value = odd
        click(qtbot, ready.run_button)
    elif use == "target":
        ready.target.value = odd
        click(qtbot, ready.run_button)
    else:
        ready.target_section.start.value = odd
        ready.target_section.shape.value = "copy"
        click(qtbot, ready.target_section.button)
    idle(qtbot, ready.controller)
    said = "layer odd: has class numbers outside 0 to 65535; renumber them"
    assert ready.status.text() == said
    assert len(ready.controller.runs) == 0
    assert not has(window, TARGET)


@pytest.mark.parametrize("number", [-1, 70_000])
def test_they_are_no_start_of_a_designed_target_either(window, qtbot, number):
    window.add_image(disc_image(), name="xray")
    _, panel = window.window.add_plugin_dock_widget("napari-segadv", "Target designer")
    labels = disc_labels().astype(np.int32)
    labels[3, 4] = number
    panel.start.value = window.add_labels(labels, name="odd")
    click(qtbot, panel.start_button)
    qtbot.waitUntil(lambda: not panel.designer.busy)
    said = "layer odd: has class numbers outside 0 to 65535; renumber them"
    assert panel.status.text() == said
    assert not has(window, TARGET)


def plain(rich):
    """What a reader sees of rich text."""
    document = QTextDocument()
    document.setHtml(rich)
    return document.toPlainText().replace("\N{NO-BREAK SPACE}", " ")


def test_class_names_are_text_in_the_legend(window, panel, qtbot, band_victim):
    names = ("background", "<b> heart & lung", "a < b > c &amp; d")
    loaded(qtbot, panel, replace(band_victim, classes=names))
    table = panel.victim_section.legend.table
    assert [table.item(n, 1).text() for n in range(table.rowCount())] == list(names[1:])
    for number, name in enumerate(names[1:]):
        assert name in plain(table.item(number, 1).toolTip())
