"""The files that other libraries ship: read as these libraries read them, or refused as listed."""

import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))
try:
    import formats
finally:
    sys.path.remove(str(DOCS))


@pytest.mark.parametrize(
    "path", [path for package in formats.FOLDERS for path in formats.files(package)], ids=str
)
def test_a_file_is_read_as_its_library_reads_it_or_refused(path):
    said = formats.outcome(path)
    assert said.startswith(("read", "refused: "))


def test_the_table_in_the_docs_is_as_it_has_to_be():
    """If it fails, run: python docs/formats.py"""
    assert formats.PAGE.read_text(encoding="utf-8") == formats.page()


def test_there_are_files_to_read():
    assert len(formats.files("nibabel")) > 90
    assert len(formats.files("scikit-image")) > 25
