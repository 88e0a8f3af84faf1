"""The table of runs beside each other, keys of the list of runs, and ticks of the reading test."""

import numpy as np
import pytest
from clicks import click, idle
from compare_window import show
from controls import notices
from listing import adversarial, choose, marked, tables
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog, QStyle, QStyleOptionViewItem
from reopened import docked

import napari_segadv as sa


@pytest.fixture
def panel(window, qtbot, flat, scan2d, band_victim):
    """The panel with two runs of one photograph; the second is shown."""
    image, _ = show(window, flat)
    widget = docked(window)
    controller = widget.controller
    other = sa.craft(scan2d, band_victim, sa.attacks.PGD(epsilon=5.0, steps=1))
    controller.show_run(controller.runs.add(other, image))
    idle(qtbot, controller)
    return widget


@pytest.fixture
def table(panel, qtbot):
    """Both runs beside each other."""
    choose(qtbot, panel, 0, 1)
    click(qtbot, panel.compare_button)
    qtbot.waitUntil(panel.table.isVisible)
    assert len(tables(panel)) == 1
    return panel.table


def test_the_table_closes_by_its_button_and_by_escape(panel, table, qtbot):
    click(qtbot, table.close_button)
    qtbot.waitUntil(lambda: tables(panel) == [])
    # And opens again.
    click(qtbot, panel.compare_button)
    qtbot.waitUntil(panel.table.isVisible)
    qtbot.keyClick(panel.table, Qt.Key_Escape)
    qtbot.waitUntil(lambda: tables(panel) == [])


def test_a_table_that_can_not_be_written_is_one_line(table, qtbot, tmp_path, monkeypatch):
    path = tmp_path / "nowhere" / "runs.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    with notices() as told:
        click(qtbot, table.save_button)
    ((grave, message),) = told
    assert grave == "error"
    assert message.startswith(str(path))
    assert "can't be written" in message
    assert "\n" not in message
    assert table.isVisible()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: ("", ""))
    with notices() as told:
        click(qtbot, table.save_button)
    assert told == []
    click(qtbot, table.close_button)


def test_both_enter_keys_show_a_run(panel, qtbot):
    assert marked(panel) == [1]
    for row, key, pad in (
        (0, Qt.Key_Enter, Qt.KeypadModifier),
        (1, Qt.Key_Return, Qt.NoModifier),
    ):
        choose(qtbot, panel, row)
        qtbot.keyClick(panel.list, key, pad)
        idle(qtbot, panel.controller)
        assert marked(panel) == [row]
        wanted = panel.list.runs[row].example.adversarial.array
        np.testing.assert_array_equal(adversarial(panel), wanted)


def test_runs_of_a_reading_test_are_ticked_by_clicks(window, panel, qtbot):
    reading = window.window.add_plugin_dock_widget("napari-segadv", "Reading test")[1]
    qtbot.waitUntil(reading.isVisible)
    runs, listed = list(panel.controller.runs), reading.runs
    assert reading.chosen == runs

    def tick(row):
        item = listed.item(row)
        option = QStyleOptionViewItem()
        option.initFrom(listed)
        option.rect = listed.visualItemRect(item)
        option.features = QStyleOptionViewItem.HasCheckIndicator
        mark = listed.style().subElementRect(QStyle.SE_ItemViewItemCheckIndicator, option, listed)
        qtbot.mouseClick(listed.viewport(), Qt.LeftButton, pos=mark.center())

    tick(0)
    assert reading.chosen == runs[1:]
    assert reading.status.text() == "ready: 1 run"
    tick(1)
    assert reading.chosen == []
    assert not reading.start_button.isEnabled()
    assert "tick" in reading.status.text()
    tick(0)
    assert reading.chosen == runs[:1]
    assert reading.start_button.isEnabled()
    # Beside the mark a click changes nothing.
    beside = listed.visualItemRect(listed.item(0)).center() + QPoint(60, 0)
    qtbot.mouseClick(listed.viewport(), Qt.LeftButton, pos=beside)
    assert reading.chosen == runs[:1]
