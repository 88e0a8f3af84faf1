"""The Runs panel in a real window: the list, its buttons and its keys."""

import threading

import numpy as np
import pytest
from clicks import click, drained, idle
from controls import tip_of
from helpers import PATIENCE
from listing import adversarial, choose, marked, middle, names
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit, QMessageBox
from roles import role, titles

from napari_segadv.results.verdicts import Verdict
from napari_segadv.viewer.compare.panel import ComparePanel
from napari_segadv.viewer.layers.names import ADVERSARIAL, NOISE
from napari_segadv.viewer.runs.panel import EMPTY


@pytest.fixture
def asked(monkeypatch):
    """Questions that were asked; each is answered as `answer` says."""

    class Asked(list):
        answer = QMessageBox.Yes

    found = Asked()

    def execute(box):
        found.append(box.text())
        return found.answer

    monkeypatch.setattr(QMessageBox, "exec", execute)
    return found


def test_what_the_list_says(listed, examples):
    assert names(listed) == ["pgd 1", "pgd 2", "pgd 3"]
    assert marked(listed) == [2]
    text = listed.list.item(0, 2).text()
    assert text.startswith("pgd, budget 4 grey levels\nstopped at ")
    tip = tip_of(listed.list.item(0, 2))
    for part in ("steps: 2", "seed: 0", "largest change (grey level): 4", "SSIM: ", "not saved"):
        assert part in tip
    run = next(iter(listed.controller.runs))
    listed.controller.runs.judge(run, 0, Verdict("obvious"))
    assert "1 slice judged" in tip_of(listed.list.item(0, 1))


def test_runs_are_shown_by_button_double_click_enter_and_keys(window, listed, qtbot, examples):
    choose(qtbot, listed, 0)
    click(qtbot, listed.show_button)
    idle(qtbot, listed.controller)
    assert marked(listed) == [0]
    np.testing.assert_array_equal(adversarial(listed), examples[0].adversarial.array)
    qtbot.mouseClick(listed.list.viewport(), Qt.LeftButton, pos=middle(listed, 1))
    qtbot.mouseDClick(listed.list.viewport(), Qt.LeftButton, pos=middle(listed, 1))
    idle(qtbot, listed.controller)
    assert marked(listed) == [1]
    np.testing.assert_array_equal(adversarial(listed), examples[1].adversarial.array)
    qtbot.keyClick(listed.list, Qt.Key_Down)
    qtbot.keyClick(listed.list, Qt.Key_Return)
    idle(qtbot, listed.controller)
    assert marked(listed) == [2]
    canvas = window.window._qt_viewer.canvas.native
    for modifier, expected in (
        (Qt.AltModifier, 1),
        (Qt.AltModifier, 0),
        (Qt.AltModifier, 0),
        (Qt.ShiftModifier, 1),
    ):
        canvas.setFocus()
        qtbot.keyClick(canvas, Qt.Key_R, modifier)
        idle(qtbot, listed.controller)
        assert marked(listed) == [expected]
        np.testing.assert_array_equal(adversarial(listed), examples[expected].adversarial.array)
    assert [run.name for run in listed.list.chosen] == ["pgd 2"]


def test_the_run_that_is_shown_is_selected_by_itself(listed, qtbot, asked):
    chosen = lambda: [run.name for run in listed.list.chosen]
    assert chosen() == ["pgd 3"]
    for button in (listed.show_button, listed.compare_button, listed.save_button):
        assert button.isEnabled()
    runs = list(listed.controller.runs)
    listed.controller.show_run(runs[0])
    idle(qtbot, listed.controller)
    assert chosen() == ["pgd 1"]
    # What the user has selected stays.
    choose(qtbot, listed, 1)
    listed.controller.show_run(runs[2])
    idle(qtbot, listed.controller)
    assert chosen() == ["pgd 2"]
    # A second press of Delete meets nothing.
    qtbot.keyClick(listed.list, Qt.Key_Delete)
    assert names(listed) == ["pgd 1", "pgd 3"]
    assert chosen() == []
    qtbot.keyClick(listed.list, Qt.Key_Delete)
    assert names(listed) == ["pgd 1", "pgd 3"]
    listed.controller.show_run(runs[0])
    idle(qtbot, listed.controller)
    assert chosen() == ["pgd 1"]


def test_letters_are_not_searched_for(listed, qtbot):
    choose(qtbot, listed, 2)
    listed.list.setFocus()
    qtbot.keyClick(listed.list, Qt.Key_P)
    assert [run.name for run in listed.list.chosen] == ["pgd 3"]


def type_name(qtbot, listed, name):
    """Types a name into the list's editor, which then closes."""
    editor = listed.list.findChild(QLineEdit)
    assert editor.hasSelectedText()
    editor.del_()
    qtbot.keyClicks(editor, name)
    qtbot.keyClick(editor, Qt.Key_Return)
    qtbot.waitUntil(lambda: listed.list.findChild(QLineEdit) is None)


def test_runs_are_renamed_in_place(listed, qtbot):
    choose(qtbot, listed, 1)
    click(qtbot, listed.rename_button)
    type_name(qtbot, listed, "big heart")
    assert [run.name for run in listed.controller.runs] == ["pgd 1", "big heart", "pgd 3"]
    assert names(listed) == ["pgd 1", "big heart", "pgd 3"]
    assert marked(listed) == [2]
    choose(qtbot, listed, 0)
    qtbot.keyClick(listed.list, Qt.Key_F2)
    type_name(qtbot, listed, "big heart")
    assert names(listed)[0] == "big heart 2"
    # Nothing typed: the name stays.
    qtbot.keyClick(listed.list, Qt.Key_F2)
    type_name(qtbot, listed, "")
    assert names(listed)[0] == "big heart 2"


def test_deleting_asks_where_something_is_lost(window, listed, qtbot, asked):
    runs = list(listed.controller.runs)
    choose(qtbot, listed, 0)
    asked.answer = QMessageBox.No
    click(qtbot, listed.delete_button)
    assert len(asked) == 1
    assert "not saved" in asked[0]
    assert len(listed.controller.runs) == 3
    runs[0].saved = True
    layers = list(window.layers)
    click(qtbot, listed.delete_button)
    assert len(asked) == 1
    assert names(listed) == ["pgd 2", "pgd 3"]
    # It was not the one that is shown.
    assert list(window.layers) == layers
    asked.answer = QMessageBox.Yes
    runs[1].verdicts[0] = Verdict("obvious")
    role(window, NOISE).name = "mine"
    choose(qtbot, listed, 0, 1)
    qtbot.keyClick(listed.list, Qt.Key_Delete)
    assert "Delete 2 runs?" in asked[1]
    assert "verdicts" in asked[1]
    assert names(listed) == []
    assert listed.controller.runs.current is None
    assert titles(window) == ["x-ray", "mine"]
    assert listed.status.text() == EMPTY
    for button in (listed.show_button, listed.compare_button, listed.save_button):
        assert not button.isEnabled()
    qtbot.keyClick(listed.list, Qt.Key_Delete)
    qtbot.keyClick(listed.list, Qt.Key_Return)
    listed.show_next()
    listed.compare()
    assert listed.status.text() == EMPTY


def test_one_run_is_compared_in_the_panel(window, listed, qtbot, examples):
    choose(qtbot, listed, 0)
    click(qtbot, listed.compare_button)
    idle(qtbot, listed.controller)
    (compare,) = listed.window().findChildren(ComparePanel)
    qtbot.waitUntil(compare.isVisible)
    assert compare.run_name.text() == "run: pgd 1"
    np.testing.assert_array_equal(adversarial(listed), examples[0].adversarial.array)


def test_a_run_that_is_chosen_while_a_job_runs_is_shown_after_it(listed, qtbot, asked):
    choose(qtbot, listed, 0)
    go_on = threading.Event()
    listed.controller.jobs.start("waiting", lambda poll: go_on.wait(PATIENCE), lambda value: None)
    assert not listed.show_button.isEnabled()
    assert not listed.files.save_button.isEnabled()
    qtbot.keyClick(listed.list, Qt.Key_Return)
    assert listed.controller.jobs.waiting == ["showing pgd 1"]
    assert listed.controller.runs.current.name == "pgd 3"
    choose(qtbot, listed, 1, 2)
    click(qtbot, listed.delete_button)
    assert names(listed) == ["pgd 1", "pgd 3"]
    assert "pgd 3, which is shown" in listed.status.text()
    go_on.set()
    idle(qtbot, listed.controller)
    assert listed.controller.runs.current.name == "pgd 1"
    choose(qtbot, listed, 1)
    assert listed.show_button.isEnabled()
    assert listed.files.save_button.isEnabled()


def test_layers_that_are_gone_or_renamed_come_back(window, listed, qtbot, examples):
    window.layers.remove(listed.controller.shown(NOISE))
    listed.controller.shown(ADVERSARIAL).name = "mine"
    choose(qtbot, listed, 2)
    click(qtbot, listed.show_button)
    idle(qtbot, listed.controller)
    assert listed.controller.shown(NOISE) is not None
    assert "mine" in window.layers
    np.testing.assert_array_equal(adversarial(listed), examples[2].adversarial.array)
    window.layers.clear()
    click(qtbot, listed.show_button)
    idle(qtbot, listed.controller)
    np.testing.assert_array_equal(listed.list.runs[2].image.data, examples[2].clean.array)
    np.testing.assert_array_equal(adversarial(listed), examples[2].adversarial.array)


def test_a_run_that_vanishes_while_it_is_renamed(listed, qtbot):
    choose(qtbot, listed, 2)
    click(qtbot, listed.rename_button)
    for run in list(listed.controller.runs):
        listed.controller.runs.remove(run)
    assert names(listed) == []
    drained(qtbot)


def test_every_button_says_what_it_does(listed):
    buttons = (
        listed.show_button,
        listed.compare_button,
        listed.rename_button,
        listed.delete_button,
    )
    files = listed.files
    more = (listed.save_button, files.save_button, files.open_button, files.result_button)
    assert all(button.toolTip() for button in (*buttons, *more))
