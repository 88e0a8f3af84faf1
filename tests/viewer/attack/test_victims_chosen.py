"""Victims chosen with real keys and clicks: from the list, from a file, from a bundle's folder."""

import pytest
from clicks import click, drained, idle
from helpers import bundle, disc_image, small_network
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
from roles import role

from napari_segadv.samples import bundles
from napari_segadv.viewer.layers.names import CLEAN


@pytest.fixture
def offered(monkeypatch):
    """What the dialogs answer: nothing, until a test puts something there."""
    answers = {"file": "", "folder": ""}
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (answers["file"], ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: answers["folder"])
    return answers


def test_every_built_in_victim_is_loaded_by_going_down_the_list(panel, qtbot):
    section, controller = panel.victim_section, panel.controller
    names = [f"demo:{name}" for name in bundles()]
    box = section.victim.native
    assert [box.itemText(n) for n in range(box.count())] == names
    # The first is loaded by itself.
    assert controller.victims.source == box.currentText() == names[0]
    for name in names[1:]:
        qtbot.keyClick(box, Qt.Key_Down)
        assert controller.jobs.busy == f"loading {name}"
        # Another one can be chosen meanwhile.
        assert box.isEnabled()
        idle(qtbot, controller)
        assert controller.victims.source == box.currentText() == name
        assert controller.victims.victim.trust == "built-in"
        # Structures are listed, what other tasks know is named in a line.
        named = section.about.text().replace("&nbsp;", " ")
        named += "".join(row.name for row in section.legend.rows)
        assert all(one in named for one in controller.victims.victim.classes[1:])
        assert section.legend.isVisible() == (controller.victims.task == "segmentation")
        assert panel.status.text() == ""
        assert box.isEnabled()
    qtbot.keyClick(box, Qt.Key_Down)
    assert not controller.jobs.busy
    assert controller.victims.source == names[-1]


def test_another_built_in_victim_is_chosen_while_one_is_loaded(panel, qtbot):
    section, controller = panel.victim_section, panel.controller
    names, loaded = [f"demo:{name}" for name in bundles()], []
    controller.victims.victim_changed.connect(lambda victim: loaded.append(victim.name))
    for name in names[1:3]:
        qtbot.keyClick(section.victim.native, Qt.Key_Down)
        assert section.victim.native.currentText() == name
    assert controller.jobs.busy == f"loading {names[1]}"
    assert controller.jobs.waiting == [f"loading {names[2]}"]
    idle(qtbot, controller)
    assert controller.victims.source == section.victim.native.currentText() == names[2]
    # Nobody hears of the one that is not wanted any more.
    assert len(loaded) == 1


def test_a_file_and_a_bundle_are_opened_by_their_buttons(
    window, panel, qtbot, offered, weights_file, tmp_path
):
    section, controller = panel.victim_section, panel.controller
    window.add_image(disc_image(), name="xray")
    root = bundle(small_network(), tmp_path)
    for button, kind, path, classes in (
        (section.file_button, "file", weights_file, ("background", "a", "b")),
        (section.folder_button, "folder", root, ("background", "a", "b")),
    ):
        offered[kind] = str(path)
        click(qtbot, button)
        idle(qtbot, controller)
        assert controller.victims.source == section.victim.native.currentText() == str(path)
        assert controller.victims.victim.classes == classes
        assert controller.victims.victim.trust == "data"
        click(qtbot, section.predict_button)
        idle(qtbot, controller)
        predicted = controller.victims.victim.predict(
            panel.controller.victims.checked(panel.image.value)[0]
        )
        assert (role(window, CLEAN).data == predicted.array).all()
    # Both stay in the list.
    qtbot.keyClick(section.victim.native, Qt.Key_Up)
    idle(qtbot, controller)
    assert controller.victims.source == str(weights_file)


def test_a_dialog_that_is_cancelled_changes_nothing(panel, qtbot, offered):
    section, controller = panel.victim_section, panel.controller
    victim, source, said = controller.victims.victim, controller.victims.source, panel.status.text()
    heard = []
    controller.jobs.busy_changed.connect(heard.append)
    for button in (section.file_button, section.folder_button):
        click(qtbot, button)
    drained(qtbot)
    assert heard == []
    assert controller.victims.victim is victim
    assert controller.victims.source == section.victim.native.currentText() == source
    assert panel.status.text() == said
