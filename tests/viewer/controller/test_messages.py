"""What the panels say is a notification of napari's too, once, whichever of them are open."""

import pytest
from clicks import click, close_dock, idle
from compare_window import press, show
from controls import notices
from helpers import save_torchscript, small_network
from panels import PANELS
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QFileDialog
from reopened import docked, saved
from roles import role

from napari_segadv.errors import SegadvError
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.names import ADVERSARIAL
from napari_segadv.viewer.widgets.trust_question import TrustQuestion


@pytest.fixture
def told():
    """What napari tells, as pairs of how grave it is and the message."""
    with notices() as seen:
        yield seen


def added(window, *titles):
    return [window.window.add_plugin_dock_widget("napari-segadv", title)[1] for title in titles]


def test_a_model_that_is_not_there_is_an_error(panel, told, qtbot):
    panel.controller.victims.load_victim("gone.pt")
    idle(qtbot, panel.controller)
    (grave, message), *more = told
    assert (grave, more) == ("error", [])
    assert message.startswith("gone.pt: no such file or folder")
    assert panel.status.text() == message


def test_a_session_that_is_saved_is_told_and_one_that_is_refused(window, told, qtbot, folder, flat):
    panel = docked(window)
    show(window, flat)
    saved(qtbot, panel, folder)
    assert told == [("info", f"session saved in {folder}")]
    told.clear()
    click(qtbot, panel.files.save_button)
    idle(qtbot, panel.controller)
    assert len(told) == 1
    grave, message = told[0]
    assert grave == "error"
    assert "exists already" in message
    assert panel.status.text() == message


def test_comparing_without_a_run_is_an_error(window, told, qtbot):
    (compare,) = added(window, "Compare")
    press(qtbot, window, Qt.Key_B, Qt.ShiftModifier)
    (notice,) = told
    assert notice == ("error", compare.status.text())
    assert "no run is shown" in compare.status.text()


def test_a_comparison_that_has_to_end_is_a_warning(window, told, qtbot, flat):
    (compare,) = added(window, "Compare")
    show(window, flat)
    click(qtbot, compare.modes["blink"])
    window.layers.remove(role(window, ADVERSARIAL))
    assert told == [("warning", "blink: image / adversarial was removed")]
    assert compare.status.text() == told[0][1]


def fail(qtbot, controller):
    """A job that fails."""

    def work(poll):
        raise SegadvError("x.png: is no network")

    controller.jobs.start("looking", work, print)
    idle(qtbot, controller)


# Those of the panels that say what became of a job, whoever has started it.
SAYING = ("Adversarial attack", "Target designer", "Runs", "Reading test")


def check_failure(window, told, qtbot, panels):
    fail(qtbot, Controller.of(window))
    assert told == [("error", "x.png: is no network")]
    assert all(panel.status.text() == told[0][1] for panel in panels)
    told.clear()


def test_a_job_that_fails_is_told_once_whichever_panel_is_open(window, told, qtbot):
    check_failure(window, told, qtbot, [])
    for title in SAYING[1:]:
        panels = added(window, title)
        check_failure(window, told, qtbot, panels)
        close_dock(qtbot, panels[0])
    check_failure(window, told, qtbot, [])


def test_a_job_that_fails_is_told_once_though_all_panels_are_open(window, told, qtbot):
    panels = dict(zip(PANELS, added(window, *PANELS), strict=True))
    idle(qtbot, Controller.of(window))
    assert told == []
    check_failure(window, told, qtbot, [panels[title] for title in SAYING])


def test_a_file_that_is_no_network_is_told_once(window, ready, told, qtbot, tmp_path, monkeypatch):
    added(window, "Target designer", "Runs", "Reading test")
    path = tmp_path / "broken.pt"
    path.write_bytes(b"nothing")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(path), ""))
    click(qtbot, ready.victim_section.file_button)
    idle(qtbot, ready.controller)
    ((grave, message),) = told
    assert grave == "error"
    assert message.startswith(str(path))
    assert ready.status.text() == message


def test_code_that_is_not_agreed_to_is_told_once(window, ready, told, qtbot, tmp_path, monkeypatch):
    added(window, "Runs", "Target designer")
    path = save_torchscript(small_network(), tmp_path)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(path), ""))
    monkeypatch.setattr(TrustQuestion, "exec", lambda box: QDialog.Rejected)
    click(qtbot, ready.victim_section.file_button)
    idle(qtbot, ready.controller)
    qtbot.waitUntil(lambda: bool(told))
    assert told == [("info", f"{path}: not loaded")]
    assert ready.status.text() == told[0][1]
