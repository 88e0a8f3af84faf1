"""Runs in files, by the Runs panel of a real window: a table as CSV, a run saved and opened."""

import csv
import io as text_io
import json

import dicom_sources as made
import numpy as np
import pytest
from clicks import click, close_dock, idle
from helpers import volume_victim
from listing import adversarial, choose, names, tables
from qtpy.QtWidgets import QApplication, QFileDialog

import napari_segadv as sa
from napari_segadv.results.verdicts import Verdict


def test_several_runs_stand_beside_each_other(listed, qtbot, tmp_path, monkeypatch):
    choose(qtbot, listed, 0, 2)
    click(qtbot, listed.compare_button)
    table = listed.table
    qtbot.waitUntil(table.isVisible)
    rows = {
        table.table.verticalHeaderItem(y).text(): [table.table.item(y, x).text() for x in (0, 1)]
        for y in range(table.table.rowCount())
    }
    assert rows["budget"] == ["4 grey levels", "12 grey levels"]
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
    qtbot.waitUntil(lambda: tables(listed) == [])


def test_a_run_is_saved_with_its_verdicts_and_opened_again(
    listed, qtbot, tmp_path, monkeypatch, examples, window
):
    runs = list(listed.controller.runs)
    listed.controller.runs.judge(runs[1], 0, Verdict("suspicious", "left"))
    folder = tmp_path / "a run"
    offered = []

    def pick(parent, title, suggested, options=None):
        offered.append(suggested)
        return str(folder), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", pick)
    listed.controller.runs.rename(runs[1], "a/b")
    choose(qtbot, listed, 1)
    click(qtbot, listed.save_button)
    assert not listed.save_button.isEnabled()
    idle(qtbot, listed.controller)
    assert offered[0].endswith("a_b")
    assert runs[1].saved
    assert "saved in" in listed.status.text()
    assert json.loads((folder / "verdicts.json").read_text())[0]["note"] == "left"
    np.testing.assert_array_equal(
        sa.load_example(folder, examples[1].clean).noise, examples[1].noise
    )
    click(qtbot, listed.save_button)
    idle(qtbot, listed.controller)
    assert "exists already" in listed.status.text()
    # A later verdict is not saved yet.
    listed.controller.runs.judge(runs[1], 0, Verdict("obvious"))
    assert not runs[1].saved
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: str(folder))
    images = len(window.layers)
    click(qtbot, listed.files.result_button)
    idle(qtbot, listed.controller)
    idle(qtbot, listed.controller)
    assert names(listed)[-1] == "a run"
    opened = listed.controller.runs.current
    assert opened.name == "a run"
    assert opened.saved
    assert opened.verdicts == {0: Verdict("suspicious", "left")}
    # Its image is open, so it lies beside that.
    assert opened.image is runs[1].image
    assert len(window.layers) == images
    np.testing.assert_array_equal(adversarial(listed), examples[1].adversarial.array)


def test_what_is_refused_is_one_line(listed, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: str(tmp_path))
    for button, missing in (
        (listed.files.result_button, "result.json"),
        (listed.files.open_button, "session.json"),
    ):
        click(qtbot, button)
        idle(qtbot, listed.controller)
        assert f"holds no {missing}" in listed.status.text()
        assert "\n" not in listed.status.text()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: "")
    click(qtbot, listed.files.open_button)
    assert not listed.controller.jobs.busy


def test_the_panel_closes_in_mid_run(window, listed, qtbot, tmp_path):
    listed.sessions.save(tmp_path / "s")
    close_dock(qtbot, listed)
    idle(qtbot, listed.controller)
    assert (tmp_path / "s" / "session.json").is_file()


@pytest.mark.parametrize(
    ("choice", "files", "named"),
    [
        ("as it was made", "adversarial/0001.dcm", True),
        ("DICOM", "adversarial/0001.dcm", True),
        ("DICOM without identifiers", "adversarial/0001.dcm", False),
        ("NIfTI", "adversarial.nii.gz", False),
    ],
)
def test_a_run_of_a_series_is_saved_as_is_chosen(
    listed, qtbot, tmp_path, monkeypatch, choice, files, named
):
    choose(qtbot, listed, 0)
    assert not listed.save_as.isVisible()
    made.ct(tmp_path / "ct", made.stored_volume((2, 21, 27)))
    scan = sa.read(tmp_path / "ct")
    run = listed.controller.runs.add(
        sa.craft(scan, volume_victim(2), sa.attacks.PGD(epsilon=12.0, steps=1)), None
    )
    choose(qtbot, listed, len(listed.controller.runs) - 1)
    qtbot.waitUntil(listed.save_as.isVisible)
    listed.save_as.setCurrentText(choice)
    folder = tmp_path / "out"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(folder), ""))
    click(qtbot, listed.save_button)
    idle(qtbot, listed.controller)
    assert run.saved, listed.status.text()
    assert (folder / files).is_file()
    assert named == any(b"Doe" in path.read_bytes() for path in folder.rglob("*.dcm"))
