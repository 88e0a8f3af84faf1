"""A window with unsaved work asks before it closes, and what a crash has left comes back."""

import shutil

import numpy as np
import pytest
from clicks import click, idle
from closing import attacked, closes, press
from modal import answered
from preferences import own
from roles import role

from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.keeping import recovery
from napari_segadv.viewer.keeping.guard import guard
from napari_segadv.viewer.keeping.offer import ask
from napari_segadv.viewer.layers.names import TARGET
from napari_segadv.viewer.runs.sessions import Sessions
from napari_segadv.viewer.widgets.dialogs import Question


def test_nothing_unsaved_asks_nothing(window, ready, qtbot):
    assert guard(window).unsaved.sentence() == ""
    assert closes(window)


def test_an_unsaved_run_is_not_lost_by_a_click_on_the_cross(window, ready, qtbot):
    attacked(ready, qtbot)
    assert guard(window).unsaved.sentence() == "1 run"
    with answered(qtbot, Question, press(qtbot, "Cancel")):
        assert not closes(window)
    assert window.window._qt_window.isVisible()
    assert len(list(ready.controller.runs)) == 1
    with answered(qtbot, Question, press(qtbot, "Close without saving")):
        assert closes(window)


def test_what_was_painted_counts_and_a_target_as_it_was_made_does_not(window, ready, qtbot):
    unsaved = guard(window).unsaved
    ready.target_section.shape.value = "copy"
    click(qtbot, ready.target_section.button)
    idle(qtbot, ready.controller)
    target = role(window, TARGET)
    assert unsaved.sentence() == ""
    target.paint((5, 5), 2)
    assert unsaved.painted() == [target.name]
    target.undo()
    assert unsaved.painted() == []
    mine = window.add_labels(np.zeros((48, 64), np.uint8), name="mine")
    mine.paint((5, 5), 1)
    with answered(qtbot, Question, press(qtbot, "Cancel")) as _:
        assert not closes(window)


def test_saving_from_the_question_closes_the_window(window, ready, qtbot, folder):
    attacked(ready, qtbot)
    with answered(qtbot, Question, press(qtbot, "Save session")):
        assert not closes(window)
    qtbot.waitUntil(lambda: not window.window._qt_window.isVisible())
    assert (folder / "session.json").is_file()


def test_a_session_that_was_saved_needs_no_question(window, ready, qtbot, folder):
    attacked(ready, qtbot)
    sessions = Sessions(ready.controller)
    sessions.save(folder)
    idle(qtbot, ready.controller)
    assert guard(window).unsaved.sentence() == ""
    sessions.drop()


@pytest.fixture
def copy(window, ready, qtbot):
    """The copy that a window keeps of an unsaved run."""
    attacked(ready, qtbot)
    watching = guard(window)
    watching.recovery.write()
    qtbot.waitUntil(lambda: list(recovery.place().glob("*/session-*/session.json")) != [])
    (found,) = recovery.place().iterdir()
    return watching, found


def test_the_copy_of_a_window_that_is_open_is_not_offered(copy):
    _, found = copy
    assert recovery.left_behind() == []
    assert found.is_dir()


def test_what_a_crash_has_left_comes_back_unsaved(window, ready, qtbot, copy, tmp_path):
    watching, found = copy
    left = recovery.place() / "1-of-a-crash"
    shutil.copytree(found, left)
    (left / recovery.OWNER).write_text("999999999 1.00", encoding="utf-8")
    (offered,) = recovery.left_behind()
    assert offered.folder == left
    sessions = Sessions(ready.controller)
    box = ask(window.window._qt_window, sessions, watching.recovery, [offered])
    assert not box.isModal()
    press(qtbot, "Open the copy")(box)
    qtbot.waitUntil(lambda: len(list(ready.controller.runs)) == 2)
    idle(qtbot, ready.controller)
    assert watching.unsaved.runs() == 2
    sessions.save(tmp_path / "kept")
    idle(qtbot, ready.controller)
    assert not left.exists()
    sessions.drop()


def test_a_window_that_is_closed_leaves_no_copy(window, ready, qtbot, copy):
    _, found = copy
    with answered(qtbot, Question, press(qtbot, "Close without saving")):
        closes(window)
    assert not found.exists()


def test_make_target_on_a_painted_target_is_one_undo(window, ready, qtbot):
    ready.target_section.shape.value = "copy"
    click(qtbot, ready.target_section.button)
    idle(qtbot, ready.controller)
    target = role(window, TARGET)
    target.paint((20, 20), 2)
    painted = target.data.copy()
    ready.target_section.shape.value = "erase"
    click(qtbot, ready.target_section.button)
    idle(qtbot, ready.controller)
    assert role(window, TARGET) is target
    assert not np.array_equal(target.data, painted)
    target.undo()
    np.testing.assert_array_equal(target.data, painted)


@pytest.mark.parametrize("first", ["session", "panel"])
def test_a_session_may_be_opened_before_the_attack_panel(
    window, ready, qtbot, folder, make_napari_viewer, first
):
    attacked(ready, qtbot)
    sessions = Sessions(ready.controller)
    sessions.save(folder)
    idle(qtbot, ready.controller)
    sessions.drop()
    other = make_napari_viewer(show=True)
    controller = Controller.of(other)
    opened = Sessions(controller)
    if first == "session":
        opened.open(folder)
    _, panel = other.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")
    if first == "panel":
        opened.open(folder)
    qtbot.waitUntil(lambda: len(list(controller.runs)) == 1)
    qtbot.waitUntil(lambda: bool(controller.victims.attacks))
    idle(qtbot, controller)
    assert panel.attack_section.form is not None
    assert panel.image.value is controller.image
    assert panel.image.value.name == "xray"
    opened.drop()
    attacked(panel, qtbot)
    assert len(list(controller.runs)) == 2


def test_who_has_switched_the_copy_off_leaves_none_on_the_disk(window, ready, qtbot, copy, kept):
    watching, found = copy
    own().recovery = False
    watching.recovery.write()
    assert not found.exists()
    assert watching.unsaved.sentence() == "1 run"
