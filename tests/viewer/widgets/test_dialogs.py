"""Where dialogs propose to save, and what becomes of the name that a user gives."""

from pathlib import Path

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_segadv.victims.loading.registry import FORMATS, VictimFormat, victim_formats
from napari_segadv.viewer.widgets.dialogs import model_patterns, pick_new_folder, pick_table
from napari_segadv.viewer.widgets.settings import settings


@pytest.fixture
def answers(monkeypatch):
    """What the dialog was asked with, and what the user says."""
    proposed, said = [], [""]

    def ask(parent, title, suggested, *more, **options):
        proposed.append(Path(suggested))
        return said[0], ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    return proposed, said


def test_a_run_of_any_name_is_proposed_as_one_file(qapp, answers):
    proposed, _ = answers
    assert pick_table(None, "Save", 'left/right: "pgd" verdicts') is None
    assert pick_new_folder(None, "Save", "a\\b") == ""
    assert [path.name for path in proposed] == ["left_right_ _pgd_ verdicts.csv", "a_b"]
    assert {path.parent for path in proposed} == {settings().folder}


def test_a_table_gets_its_ending(qapp, answers, tmp_path):
    _, said = answers
    said[0] = str(tmp_path / "mine")
    assert pick_table(None, "Save", "runs") == tmp_path / "mine.csv"
    said[0] = str(tmp_path / "mine.txt")
    assert pick_table(None, "Save", "runs") == tmp_path / "mine.txt"


def test_a_file_that_nobody_was_asked_about_is_not_overwritten(qapp, answers, tmp_path):
    _, said = answers
    (tmp_path / "mine.csv").write_text("kept")
    said[0] = str(tmp_path / "mine")
    assert pick_table(None, "Save", "runs") == tmp_path / "mine"
    # This one the dialog has asked about.
    said[0] = str(tmp_path / "mine.csv")
    assert pick_table(None, "Save", "runs") == tmp_path / "mine.csv"


def test_the_files_of_every_format_can_be_chosen(monkeypatch):
    """Also those of a format that comes later, which nobody has to list here."""
    offered = model_patterns()
    known = [
        "safetensors",
        "pt",
        "pth",
        "ckpt",
        "ts",
        "torchscript",
        "pt2",
        "onnx",
        "json",
        "yaml",
        "yml",
    ]
    assert all(f"*.{end}" in offered for end in known)
    files = [form for form in victim_formats() if "folder" not in form.name]
    assert [form.name for form in files if not form.suffixes] == ["MONAI bundle"]
    later = VictimFormat(
        "later", lambda path: False, lambda path, trusted: None, suffixes=(".tfl",)
    )
    monkeypatch.setitem(FORMATS.all(), "later", later)
    assert "*.tfl" in model_patterns()
    assert model_patterns().endswith(";;All files (*)")
