"""The Runs panel in a real window: the list, its buttons and keys, and files of runs."""

import csv
import io as text_io
import json
import time

import numpy as np
import pytest
from clicks import click, close_dock, idle
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit, QMessageBox

import napari_segadv as sa
from napari_segadv.verdicts import Verdict
from napari_segadv.viewer import runs_panel
from napari_segadv.viewer.compare_panel import ComparePanel
from napari_segadv.viewer.controller import Controller
from napari_segadv.viewer.layers import ADVERSARIAL, NOISE, image_tuple
from napari_segadv.viewer.runs_list import SHOWN
from napari_segadv.viewer.runs_table import RunsTable


@pytest.fixture
def examples(scan2d, band_victim):
    def made(epsilon):
        return sa.craft(scan2d, band_victim, sa.attacks.PGD(epsilon=epsilon, steps=2))

    return [made(4.0), made(8.0), made(12.0)]


@pytest.fixture
def panel(window, qtbot, examples):
    """The docked panel with three runs of one image, the last one shown."""
    _, widget = window.window.add_plugin_dock_widget("napari-segadv", "Runs")
    controller = widget.controller
    assert controller is Controller.of(window)
    assert widget.status.text() == runs_panel.EMPTY
    data, keywords, _ = image_tuple(examples[0].clean, "x-ray")
    layer = window.add_image(data, **keywords)
    runs = [controller.runs.add(example, layer) for example in examples]
    controller.show_run(runs[-1])
    idle(qtbot, controller)
    return widget


@pytest.fixture
def asked(monkeypatch):
    """Questions that were asked; each is answered as `answer` says."""

    class Asked(list):
        answer = QMessageBox.Yes

    found = Asked()

    def question(parent, title, text, *more):
        found.append(text)
        return found.answer

    monkeypatch.setattr(QMessageBox, "question", question)
    return found


def choose(qtbot, panel, *rows, name=1):
    """Real clicks on rows of the list."""
    for number, row in enumerate(rows):
        qtbot.mouseClick(
            panel.list.viewport(),
            Qt.LeftButton,
            Qt.ControlModifier if number else Qt.NoModifier,
            middle(panel, row, name),
        )


def middle(panel, row, column=1):
    return panel.list.visualItemRect(panel.list.item(row, column)).center()


def names(panel):
    return [panel.list.item(row, 1).text() for row in range(panel.list.rowCount())]


def shown(panel):
    """Rows that are marked as shown."""
    return [row for row in range(panel.list.rowCount()) if panel.list.item(row, 0).text() == SHOWN]


def adversarial(panel):
    return panel.controller.shown(ADVERSARIAL).data


def test_what_the_list_says(panel, examples):
    assert names(panel) == ["pgd 1", "pgd 2", "pgd 3"]
    assert shown(panel) == [2]
    text = panel.list.item(0, 2).text()
    assert text.startswith("pgd, ε 4 grey levels\ngoal ")
    tip = panel.list.item(0, 2).toolTip()
    for part in ("steps: 2", "seed: 0", "largest change (grey level): 4", "SSIM: ", "not saved"):
        assert part in tip
    run = next(iter(panel.controller.runs))
    panel.controller.runs.judge(run, 0, Verdict("obvious"))
    assert "1 slices judged" in panel.list.item(0, 1).toolTip()


def test_runs_are_shown_by_button_double_click_enter_and_keys(window, panel, qtbot, examples):
    choose(qtbot, panel, 0)
    click(qtbot, panel.show_button)
    idle(qtbot, panel.controller)
    assert shown(panel) == [0]
    np.testing.assert_array_equal(adversarial(panel), examples[0].adversarial.array)
    qtbot.mouseClick(panel.list.viewport(), Qt.LeftButton, pos=middle(panel, 1))
    qtbot.mouseDClick(panel.list.viewport(), Qt.LeftButton, pos=middle(panel, 1))
    idle(qtbot, panel.controller)
    assert shown(panel) == [1]
    np.testing.assert_array_equal(adversarial(panel), examples[1].adversarial.array)
    qtbot.keyClick(panel.list, Qt.Key_Down)
    qtbot.keyClick(panel.list, Qt.Key_Return)
    idle(qtbot, panel.controller)
    assert shown(panel) == [2]
    canvas = window.window._qt_viewer.canvas.native
    for modifier, expected in (
        (Qt.AltModifier, 1),
        (Qt.AltModifier, 0),
        (Qt.AltModifier, 0),
        (Qt.ShiftModifier, 1),
    ):
        canvas.setFocus()
        qtbot.keyClick(canvas, Qt.Key_R, modifier)
        idle(qtbot, panel.controller)
        assert shown(panel) == [expected]
        np.testing.assert_array_equal(adversarial(panel), examples[expected].adversarial.array)
    assert [run.name for run in panel.list.chosen] == ["pgd 2"]


def test_letters_are_not_searched_for(panel, qtbot):
    choose(qtbot, panel, 2)
    panel.list.setFocus()
    qtbot.keyClick(panel.list, Qt.Key_P)
    assert [run.name for run in panel.list.chosen] == ["pgd 3"]


def type_name(qtbot, panel, name):
    """Types a name into the list's editor, which then closes."""
    editor = panel.list.findChild(QLineEdit)
    assert editor.hasSelectedText()
    editor.del_()
    qtbot.keyClicks(editor, name)
    qtbot.keyClick(editor, Qt.Key_Return)
    qtbot.waitUntil(lambda: panel.list.findChild(QLineEdit) is None)


def test_runs_are_renamed_in_place(panel, qtbot):
    choose(qtbot, panel, 1)
    click(qtbot, panel.rename_button)
    type_name(qtbot, panel, "big heart")
    assert [run.name for run in panel.controller.runs] == ["pgd 1", "big heart", "pgd 3"]
    assert names(panel) == ["pgd 1", "big heart", "pgd 3"]
    assert shown(panel) == [2]
    choose(qtbot, panel, 0)
    qtbot.keyClick(panel.list, Qt.Key_F2)
    type_name(qtbot, panel, "big heart")
    assert names(panel)[0] == "big heart 2"
    # Nothing typed: the name stays.
    qtbot.keyClick(panel.list, Qt.Key_F2)
    type_name(qtbot, panel, "")
    assert names(panel)[0] == "big heart 2"


def test_deleting_asks_where_something_is_lost(window, panel, qtbot, asked):
    runs = list(panel.controller.runs)
    choose(qtbot, panel, 0)
    asked.answer = QMessageBox.No
    click(qtbot, panel.delete_button)
    assert len(asked) == 1
    assert "not saved" in asked[0]
    assert len(panel.controller.runs) == 3
    runs[0].saved = True
    layers = list(window.layers)
    click(qtbot, panel.delete_button)
    assert len(asked) == 1
    assert names(panel) == ["pgd 2", "pgd 3"]
    # It was not the one that is shown.
    assert list(window.layers) == layers
    asked.answer = QMessageBox.Yes
    runs[1].verdicts[0] = Verdict("obvious")
    window.layers[NOISE].name = "mine"
    choose(qtbot, panel, 0, 1)
    qtbot.keyClick(panel.list, Qt.Key_Delete)
    assert "Delete 2 runs?" in asked[1]
    assert "verdicts" in asked[1]
    assert names(panel) == []
    assert panel.controller.runs.current is None
    assert [layer.name for layer in window.layers] == ["x-ray", "mine"]
    assert panel.status.text() == runs_panel.EMPTY
    for button in (panel.show_button, panel.compare_button, panel.save_button):
        assert not button.isEnabled()
    qtbot.keyClick(panel.list, Qt.Key_Delete)
    qtbot.keyClick(panel.list, Qt.Key_Return)
    panel.show_next()
    panel.compare()
    assert panel.status.text() == runs_panel.EMPTY


def test_one_run_is_compared_in_the_panel(window, panel, qtbot, examples):
    choose(qtbot, panel, 0)
    click(qtbot, panel.compare_button)
    idle(qtbot, panel.controller)
    (compare,) = [w for w in QApplication.allWidgets() if isinstance(w, ComparePanel)]
    qtbot.waitUntil(compare.isVisible)
    assert compare.run_name.text() == "run: pgd 1"
    np.testing.assert_array_equal(adversarial(panel), examples[0].adversarial.array)


def test_several_runs_stand_beside_each_other(panel, qtbot, tmp_path, monkeypatch):
    choose(qtbot, panel, 0, 2)
    click(qtbot, panel.compare_button)
    table = panel.table
    qtbot.waitUntil(table.isVisible)
    rows = {
        table.table.verticalHeaderItem(y).text(): [table.table.item(y, x).text() for x in (0, 1)]
        for y in range(table.table.rowCount())
    }
    assert rows["budget"] == ["ε 4 grey levels", "ε 12 grey levels"]
    assert rows["largest change (grey level)"] == ["4", "12"]
    assert "seed" not in rows
    click(qtbot, table.copy_button)
    copied = list(csv.reader(text_io.StringIO(QApplication.clipboard().text())))
    assert copied[0] == ["", "pgd 1", "pgd 3"]
    assert {row[0]: row[1:] for row in copied[1:]} == rows
    path = tmp_path / "t.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    click(qtbot, table.save_button)
    assert list(csv.reader(path.read_text("utf-8-sig").splitlines())) == copied
    click(qtbot, table.close_button)
    qtbot.waitUntil(lambda: not any(isinstance(w, RunsTable) for w in QApplication.allWidgets()))


def test_a_run_is_saved_with_its_verdicts_and_opened_again(
    panel, qtbot, tmp_path, monkeypatch, examples, window
):
    runs = list(panel.controller.runs)
    panel.controller.runs.judge(runs[1], 0, Verdict("suspicious", "left"))
    folder = tmp_path / "a run"
    offered = []

    def pick(parent, title, suggested, options=None):
        offered.append(suggested)
        return str(folder), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", pick)
    panel.controller.runs.rename(runs[1], "a/b")
    choose(qtbot, panel, 1)
    click(qtbot, panel.save_button)
    assert not panel.save_button.isEnabled()
    idle(qtbot, panel.controller)
    assert offered[0].endswith("a_b")
    assert runs[1].saved
    assert "saved in" in panel.status.text()
    assert json.loads((folder / "verdicts.json").read_text())[0]["note"] == "left"
    np.testing.assert_array_equal(
        sa.load_example(folder, examples[1].clean).noise, examples[1].noise
    )
    click(qtbot, panel.save_button)
    idle(qtbot, panel.controller)
    assert "exists already" in panel.status.text()
    # A later verdict is not saved yet.
    panel.controller.runs.judge(runs[1], 0, Verdict("obvious"))
    assert not runs[1].saved
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: str(folder))
    images = len(window.layers)
    click(qtbot, panel.files.result_button)
    idle(qtbot, panel.controller)
    idle(qtbot, panel.controller)
    assert names(panel)[-1] == "a run"
    opened = panel.controller.runs.current
    assert opened.name == "a run"
    assert opened.saved
    assert opened.verdicts == {0: Verdict("suspicious", "left")}
    # Its image is open, so it lies beside that.
    assert opened.image is runs[1].image
    assert len(window.layers) == images
    np.testing.assert_array_equal(adversarial(panel), examples[1].adversarial.array)


def test_what_is_refused_is_one_line(panel, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: str(tmp_path))
    for button, missing in (
        (panel.files.result_button, "result.json"),
        (panel.files.open_button, "session.json"),
    ):
        click(qtbot, button)
        idle(qtbot, panel.controller)
        assert f"holds no {missing}" in panel.status.text()
        assert "\n" not in panel.status.text()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: "")
    click(qtbot, panel.files.open_button)
    assert not panel.controller.busy


def test_nothing_is_started_while_a_job_runs(panel, qtbot, asked):
    choose(qtbot, panel, 0)
    panel.controller.start("waiting", lambda poll: time.sleep(0.3), lambda value: None)
    assert not panel.show_button.isEnabled()
    assert not panel.files.save_button.isEnabled()
    qtbot.keyClick(panel.list, Qt.Key_Return)
    assert "still waiting" in panel.status.text()
    choose(qtbot, panel, 1, 2)
    click(qtbot, panel.delete_button)
    assert names(panel) == ["pgd 1", "pgd 3"]
    assert "pgd 3, which is shown" in panel.status.text()
    idle(qtbot, panel.controller)
    assert panel.show_button.isEnabled()


def test_layers_that_are_gone_or_renamed_come_back(window, panel, qtbot, examples):
    window.layers.remove(panel.controller.shown(NOISE))
    panel.controller.shown(ADVERSARIAL).name = "mine"
    choose(qtbot, panel, 2)
    click(qtbot, panel.show_button)
    idle(qtbot, panel.controller)
    assert panel.controller.shown(NOISE) is not None
    assert "mine" in window.layers
    np.testing.assert_array_equal(adversarial(panel), examples[2].adversarial.array)
    window.layers.clear()
    click(qtbot, panel.show_button)
    idle(qtbot, panel.controller)
    np.testing.assert_array_equal(panel.list.runs[2].image.data, examples[2].clean.array)
    np.testing.assert_array_equal(adversarial(panel), examples[2].adversarial.array)


def test_a_run_that_vanishes_while_it_is_renamed(panel, qtbot):
    choose(qtbot, panel, 2)
    click(qtbot, panel.rename_button)
    for run in list(panel.controller.runs):
        panel.controller.runs.remove(run)
    assert names(panel) == []
    qtbot.wait(50)


def test_the_panel_closes_in_mid_run(window, panel, qtbot, tmp_path):
    panel.sessions.save(tmp_path / "s")
    close_dock(qtbot, panel)
    idle(qtbot, panel.controller)
    assert (tmp_path / "s" / "session.json").is_file()


def test_every_button_says_what_it_does(panel):
    buttons = (panel.show_button, panel.compare_button, panel.rename_button, panel.delete_button)
    files = panel.files
    more = (panel.save_button, files.save_button, files.open_button, files.result_button)
    assert all(button.toolTip() for button in (*buttons, *more))
