"""A window with work that is unfinished, or that can't be written, loses none of it silently."""

import threading

import pytest
from clicks import click, close_dock, drained, idle
from closing import attacked, closes, press
from helpers import PATIENCE
from modal import answered
from napari._qt import qt_main_window
from napari.settings import get_settings
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QApplication, QDialog, QFileDialog
from reopened import docked

from napari_segadv.errors import SegadvError
from napari_segadv.results.session import folder as session_folder
from napari_segadv.results.session.folder import open_session
from napari_segadv.viewer.keeping import guard as guarding
from napari_segadv.viewer.keeping import recovery
from napari_segadv.viewer.keeping.guard import guard
from napari_segadv.viewer.layers.task_view import UNTARGETED
from napari_segadv.viewer.runs import sessions as saving_sessions
from napari_segadv.viewer.runs.kept import Kept
from napari_segadv.viewer.widgets.dialogs import Question


def test_a_window_with_a_running_attack_and_a_queue_asks_and_then_stops_them(
    window, ready, qtbot, held, monkeypatch
):
    monkeypatch.setattr(guarding, "LAST_WORDS", 50)
    controller, watching = ready.controller, guard(window)
    ready.target.value = UNTARGETED
    ready.attack_section.form.editors["steps"].value = 3
    click(qtbot, ready.run_button)
    qtbot.waitUntil(lambda: controller.jobs.latest is not None)
    click(qtbot, ready.run_button)
    asked = []

    def cancel(box):
        asked.append(box.text())
        press(qtbot, "Cancel")(box)

    with answered(qtbot, Question, cancel):
        assert not closes(window)
    assert asked == ["Not finished: attacking and 1 job waiting."]
    assert controller.jobs.busy == "attacking"
    with answered(qtbot, Question, press(qtbot, "Close without saving")):
        assert closes(window)
    assert controller.jobs.waiting == []
    held.set()
    qtbot.waitUntil(lambda: not controller.jobs.busy)
    assert len(list(controller.runs)) == 0
    assert watching.parent() is None


def test_loading_a_model_is_no_work_that_could_be_lost(window, panel, qtbot, weights_file):
    go_on = threading.Event()
    jobs = panel.controller.jobs
    jobs.start("waiting", lambda poll: go_on.wait(PATIENCE), lambda _: None, wanted=False)
    panel.victim_section.open(str(weights_file))
    assert len(jobs.waiting) == 1
    assert jobs.unfinished == ""
    go_on.set()
    idle(qtbot, panel.controller)


def test_saving_from_the_question_waits_for_the_attack_and_keeps_its_run(
    window, ready, qtbot, held, folder
):
    ready.target.value = UNTARGETED
    ready.attack_section.form.editors["steps"].value = 2
    click(qtbot, ready.run_button)
    qtbot.waitUntil(lambda: ready.controller.jobs.latest is not None)
    with answered(qtbot, Question, press(qtbot, "Save session")):
        assert not closes(window)
    assert ready.controller.jobs.waiting == ["saving the session"]
    held.set()
    qtbot.waitUntil(lambda: not window.window._qt_window.isVisible())
    assert len(open_session(folder).runs) == 1


@pytest.mark.parametrize("how", ["refused", "dialog cancelled", "taken back", "thought again"])
def test_a_later_save_does_not_close_the_window(
    window, ready, qtbot, folder, tmp_path, monkeypatch, how
):
    attacked(ready, qtbot)
    panel = docked(window)
    go_on = threading.Event()
    if how == "refused":
        folder.mkdir()
    elif how == "dialog cancelled":
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: ("", ""))
    else:
        wait = lambda poll: go_on.wait(PATIENCE)
        panel.controller.jobs.start("waiting", wait, lambda _: None)
    with answered(qtbot, Question, press(qtbot, "Save session")):
        assert not closes(window)
    if how == "taken back":
        click(qtbot, ready.strip.forget_button)
    elif how == "thought again":
        with answered(qtbot, Question, press(qtbot, "Cancel")):
            assert not closes(window)
    go_on.set()
    idle(qtbot, panel.controller)
    later = tmp_path / "later"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(later), ""))
    click(qtbot, panel.files.save_button)
    idle(qtbot, panel.controller)
    drained(qtbot)
    assert (later / "session.json").is_file()
    assert window.window._qt_window.isVisible()
    assert not ready.controller.closed
    # All is saved by now.
    assert closes(window)


def test_a_panel_that_is_closed_while_it_saves_does_not_swallow_the_failure(
    window, ready, qtbot, folder, monkeypatch
):
    attacked(ready, qtbot)
    panel, begun, go_on = docked(window), threading.Event(), threading.Event()

    def refused(session, folder, poll):
        begun.set()
        assert go_on.wait(PATIENCE)
        raise SegadvError("my session: the disk is full; make room")

    monkeypatch.setattr(session_folder, "save_session", refused)
    click(qtbot, panel.files.save_button)
    qtbot.waitUntil(begun.is_set)
    close_dock(qtbot, panel)
    said = []
    monkeypatch.setattr(saving_sessions, "complain", said.append)
    go_on.set()
    idle(qtbot, ready.controller)
    assert said == ["my session: the disk is full; make room"]
    assert guard(window).unsaved.sentence() == "1 run"


def test_a_panel_that_is_closed_while_it_saves_has_saved(window, ready, qtbot, folder, monkeypatch):
    attacked(ready, qtbot)
    panel, begun, go_on = docked(window), threading.Event(), threading.Event()
    save = session_folder.save_session

    def slow(*given):
        begun.set()
        assert go_on.wait(PATIENCE)
        return save(*given)

    monkeypatch.setattr(session_folder, "save_session", slow)
    click(qtbot, panel.files.save_button)
    qtbot.waitUntil(begun.is_set)
    close_dock(qtbot, panel)
    go_on.set()
    idle(qtbot, ready.controller)
    assert guard(window).unsaved.sentence() == ""


def test_a_copy_that_is_being_written_does_not_survive_the_window(
    window, ready, qtbot, monkeypatch
):
    attacked(ready, qtbot)
    watching, write = guard(window), Kept.write
    begun, stopped, stop = threading.Event(), threading.Event(), watching.recovery.stop

    def stopping():
        stop()
        stopped.set()

    def slow(kept, folder, poll):
        begun.set()
        assert stopped.wait(PATIENCE)
        return write(kept, folder, lambda: None)

    monkeypatch.setattr(watching.recovery, "stop", stopping)
    monkeypatch.setattr(Kept, "write", slow)
    watching.recovery.write()
    qtbot.waitUntil(begun.is_set)
    with answered(qtbot, Question, press(qtbot, "Close without saving")):
        assert closes(window)
    qtbot.waitUntil(lambda: not watching.recovery._latest.busy)
    assert list(recovery.place().glob("*")) == []


def test_that_no_copy_can_be_kept_is_told_once(window, ready, qtbot):
    attacked(ready, qtbot)
    watching, said = guard(window), []
    watching.recovery.failed.connect(said.append)
    recovery.place().parent.mkdir(parents=True, exist_ok=True)
    recovery.place().write_text("a file where the folder is to be")
    for _ in range(2):
        watching.recovery.write()
        qtbot.waitUntil(lambda: not watching.recovery._latest.busy)
    (line,) = said
    assert line.startswith("no copy of your unsaved work can be kept: ")
    assert line.endswith("; save the session yourself")
    assert str(recovery.place()) in line


class FromOutside(QCloseEvent):
    """What comes when a window manager closes a window."""

    def spontaneous(self):
        return True


def test_who_stays_when_napari_asks_too_loses_nothing_and_is_asked_again(
    window, ready, qtbot, held, monkeypatch
):
    monkeypatch.setattr(guarding, "LAST_WORDS", 50)
    answer, asked = [QDialog.Rejected], []

    class Asking:
        def __init__(self, *given, **more):
            asked.append("Close?")

        def exec_(self):
            return answer[0]

    monkeypatch.setattr(qt_main_window, "ConfirmCloseDialog", Asking)
    monkeypatch.setattr(get_settings().application, "confirm_close_window", True)
    shown, controller, watching = window.window._qt_window, ready.controller, guard(window)
    ready.target.value = UNTARGETED
    ready.attack_section.form.editors["steps"].value = 3
    click(qtbot, ready.run_button)
    qtbot.waitUntil(lambda: controller.jobs.latest is not None)
    for stays in (True, False):
        with answered(qtbot, Question, press(qtbot, "Close without saving")):
            QApplication.sendEvent(shown, FromOutside())
        assert asked
        assert (watching.parent() is shown) is stays
        assert (controller.jobs.busy == "attacking") or not stays
        answer[0] = QDialog.Accepted
    held.set()
    qtbot.waitUntil(lambda: not controller.jobs.busy)
    assert len(list(controller.runs)) == 0
