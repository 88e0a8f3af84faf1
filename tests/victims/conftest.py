"""What tests of victims share."""

import tempfile

import pytest


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """The folder for temporary files: each test leaves it as it was."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []
