"""Hostile and damaged JSON files: a one-line error each, in limited time and memory."""

import os

import pytest

from napari_segadv.common import json_data as json_files
from napari_segadv.common.json_data import read_json
from napari_segadv.errors import SegadvError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": NaN}', "NaN is not a valid number"),
        ("[-Infinity]", "-Infinity is not a valid number"),
        ("[1e999]", "1e999 is not a valid number"),
        ("9" * 5000, "9 is not a valid number"),
        ("-9223372036854775809", "is not a valid number"),
        (b"\xff\xfe\x00", "not valid JSON"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, content, message):
    path = tmp_path / "x.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SegadvError, match=f"{path}: .*{message}"):
        read_json(path)


def test_what_is_meant_is_read(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('\ufeff{"a": [1, -2.5, "3", null, -9223372036854775808]}', encoding="utf-8")
    assert read_json(path) == {"a": [1, -2.5, "3", None, -(2**63)]}


def test_what_is_no_file_is_neither_waited_for_nor_read_for_ever(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "gone"):
        with pytest.raises(SegadvError, match="can't be read; check that it exists"):
            read_json(path)
    monkeypatch.setattr(json_files, "MOST_MEGABYTES", 0)
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(SegadvError, match="larger than"):
        read_json(tmp_path / "x.json")
