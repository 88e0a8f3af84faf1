"""Agreements on disk, and hashes of folders that hold links."""

import json
from pathlib import Path

import pytest

from napari_segadv.common.hashing import sha256_of
from napari_segadv.errors import SegadvError
from napari_segadv.victims.loading import consent
from napari_segadv.victims.loading.consent import remember, remembered


@pytest.fixture
def store():
    """The file in which agreements are kept; each test has another folder."""
    remember("a" * 64, Path("first"))
    (store,) = consent._store().parent.iterdir()
    return store


def test_agreements_add_up(store):
    remember("b" * 64, Path("second"))
    assert remembered() == {"a" * 64: "first", "b" * 64: "second"}
    assert [path.name for path in store.parent.iterdir()] == [store.name]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_agreement_that_can_not_be_written_keeps_earlier_ones(store, monkeypatch, error):
    before = store.read_bytes()

    def write(self, text, **_):
        self.write_bytes(text.encode()[: len(text) // 2])
        raise error

    monkeypatch.setattr(Path, "write_text", write)
    stops = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else SegadvError
    with pytest.raises(stops) as caught:
        remember("b" * 64, Path("second"))
    if stops is SegadvError:
        text = "can't be written (No space left on device); name another file"
        assert str(caught.value) == f"{store}: {text}"
    assert store.read_bytes() == before
    assert remembered() == {"a" * 64: "first"}
    assert [path.name for path in store.parent.iterdir()] == [store.name]


def test_an_agreement_where_no_folder_can_be_made_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(SegadvError, match="can't be written") as caught:
        remember("a" * 64, Path("x"))
    assert "\n" not in str(caught.value)


def test_agreements_that_are_damaged_are_none(store):
    for text in ("{", json.dumps(["a" * 64])):
        store.write_text(text)
        assert remembered() == {}


@pytest.fixture
def bundle(tmp_path):
    """A folder with a file and a link to a folder outside."""
    (tmp_path / "bundle" / "configs").mkdir(parents=True)
    (tmp_path / "bundle" / "configs" / "inference.json").write_text("{}")
    (tmp_path / "outside" / "deep").mkdir(parents=True)
    (tmp_path / "outside" / "deep" / "net.py").write_text("harmless")
    (tmp_path / "bundle" / "scripts").symlink_to(tmp_path / "outside")
    return tmp_path / "bundle"


def test_what_lies_behind_a_link_counts(bundle, tmp_path):
    hashes = {sha256_of(bundle)}
    (tmp_path / "outside" / "deep" / "net.py").write_text("evil")
    hashes.add(sha256_of(bundle))
    (tmp_path / "outside" / "other.py").write_text("evil")
    hashes.add(sha256_of(bundle))
    (tmp_path / "outside" / "deep" / "net.py").rename(tmp_path / "outside" / "deep" / "new.py")
    hashes.add(sha256_of(bundle))
    assert len(hashes) == 4


@pytest.mark.parametrize("target", [".", "..", "../bundle", "loop", "nothing"])
def test_a_link_in_a_circle_ends(bundle, target):
    (bundle / "configs" / "loop").symlink_to(target)
    before = sha256_of(bundle)
    assert sha256_of(bundle) == before
    (bundle / "configs" / "inference.json").write_text('{"a": 1}')
    assert sha256_of(bundle) != before


def test_a_circle_of_two_folders_ends(bundle, tmp_path):
    (tmp_path / "outside" / "back").symlink_to(bundle)
    before = sha256_of(bundle)
    (tmp_path / "outside" / "deep" / "net.py").write_text("evil")
    assert sha256_of(bundle) != before
