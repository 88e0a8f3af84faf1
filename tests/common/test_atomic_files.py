"""Files and folders written whole or not at all; invalid names and links."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_segadv.common import atomic_files
from napari_segadv.common.atomic_files import check_place, replace_folder, write_text, written_whole
from napari_segadv.errors import SegadvError


def refused(call, *arguments):
    """The message, one line, with which a call refuses."""
    with pytest.raises(SegadvError) as caught:
        call(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    assert ";" in text, f"no remedy: {text}"
    return text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def half_written(monkeypatch, error):
    """Make every write of a text fail halfway."""

    def write(self, text, **_):
        self.write_bytes(text.encode()[: len(text) // 2])
        raise error

    monkeypatch.setattr(Path, "write_text", write)


def test_a_text_is_written_and_replaced(tmp_path):
    path = tmp_path / "a.csv"
    write_text(path, "größe\n")
    assert path.read_bytes() == "größe\n".encode()
    write_text(path, "x\n", "utf-8-sig")
    assert path.read_bytes() == b"\xef\xbb\xbfx\n"
    assert names(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("there", [True, False])
def test_a_text_that_can_not_be_written_leaves_what_was_there(tmp_path, monkeypatch, there):
    path = tmp_path / "a.csv"
    if there:
        path.write_text("earlier")
    half_written(monkeypatch, OSError(28, "No space left on device"))
    text = refused(write_text, path, "later and longer")
    assert text == f"{path}: can't be written (No space left on device); name another file"
    assert names(tmp_path) == (["a.csv"] if there else [])
    assert not there or path.read_text() == "earlier"


def test_a_text_whose_writing_is_stopped_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("earlier")
    half_written(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        write_text(path, "later and longer")
    assert path.read_text() == "earlier"
    assert names(tmp_path) == ["a.csv"]


def test_a_text_for_a_folder_that_is_not_there_or_in_the_place_of_one(tmp_path):
    missing = tmp_path / "none" / "a.csv"
    assert refused(write_text, missing, "x").startswith(f"{missing}: can't be written (No such")
    (tmp_path / "taken").mkdir()
    assert "can't be written" in refused(write_text, tmp_path / "taken", "x")
    assert names(tmp_path) == ["taken"]


def test_a_text_goes_through_a_link(tmp_path):
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / "real.csv", tmp_path / "link.csv"
    real.write_text("earlier")
    link.symlink_to(Path("far") / "real.csv")
    write_text(link, "later")
    assert link.is_symlink()
    assert link.readlink() == Path("far") / "real.csv"
    assert real.read_text() == "later"
    assert names(tmp_path) == ["far", "link.csv"]
    assert names(real.parent) == ["real.csv"]


def test_a_text_for_a_link_to_itself_is_refused(tmp_path):
    (tmp_path / "a.csv").symlink_to("a.csv")
    assert refused(write_text, tmp_path / "a.csv", "x").startswith(f"{tmp_path / 'a.csv'}: ")
    assert names(tmp_path) == ["a.csv"]


def test_a_text_with_a_name_as_long_as_names_can_be(tmp_path):
    path = tmp_path / ("ä" * 125 + ".csv")
    write_text(path, "x")
    assert names(tmp_path) == [path.name]


def stopped_at(monkeypatch, target, *, before):
    """Interrupt right before or after a folder is renamed to `target`."""
    rename = Path.rename

    def stopping(self, to):
        if Path(to).name == target and before:
            raise KeyboardInterrupt
        renamed = rename(self, to)
        if Path(to).name == target:
            raise KeyboardInterrupt
        return renamed

    monkeypatch.setattr(Path, "rename", stopping)


@pytest.fixture
def both(tmp_path, monkeypatch):
    """An earlier folder, and a new one to replace it where the system can't exchange them."""
    monkeypatch.setattr(atomic_files, "_exchange", lambda one, other: False)
    for name in ("out", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "content").write_text(name)
    return tmp_path / "out", tmp_path / "new"


def test_a_folder_takes_the_place_of_another(both, tmp_path):
    folder, new = both
    replace_folder(folder, new, tmp_path / "old")
    assert (folder / "content").read_text() == "new"
    assert (tmp_path / "old" / "content").read_text() == "out"
    assert names(tmp_path) == ["old", "out"]


@pytest.mark.parametrize("before", [True, False])
def test_a_stop_beside_the_first_renaming_keeps_the_earlier_folder(
    both, tmp_path, monkeypatch, before
):
    folder, new = both
    stopped_at(monkeypatch, "old", before=before)
    with pytest.raises(KeyboardInterrupt):
        replace_folder(folder, new, tmp_path / "old")
    assert (folder / "content").read_text() == "out"
    assert names(tmp_path) == ["new", "out"]


def test_a_stop_before_the_second_renaming_keeps_the_earlier_folder(both, tmp_path, monkeypatch):
    folder, new = both
    rename = Path.rename

    def stopping(self, to):
        if self == new:
            raise KeyboardInterrupt
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", stopping)
    with pytest.raises(KeyboardInterrupt):
        replace_folder(folder, new, tmp_path / "old")
    assert (folder / "content").read_text() == "out"
    assert names(tmp_path) == ["new", "out"]


def test_a_stop_after_the_second_renaming_keeps_the_new_folder(both, tmp_path, monkeypatch):
    folder, new = both
    stopped_at(monkeypatch, "out", before=False)
    with pytest.raises(KeyboardInterrupt):
        replace_folder(folder, new, tmp_path / "old")
    assert (folder / "content").read_text() == "new"


def test_a_stop_between_the_renamings_leaves_nothing_half_written(tmp_path, monkeypatch):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "content").write_text("out")
    stopped_at(monkeypatch, "old", before=False)

    monkeypatch.setattr(atomic_files, "_exchange", lambda one, other: False)

    def write():
        with written_whole(folder, overwrite=True) as new:
            (new / "content").write_text("new")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert (folder / "content").read_text() == "out"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("name", ["x" * 250, "ä" * 125])
def test_a_folder_with_a_name_of_250_bytes(tmp_path, name):
    folder = tmp_path / name
    check_place(folder)
    for text in ("first", "second"):
        with written_whole(folder, overwrite=True) as new:
            (new / "content").write_text(text)
    assert (folder / "content").read_text() == "second"
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", ["x" * 300, "ä" * 150])
def test_a_name_of_300_bytes_is_refused_at_once(tmp_path, name):
    assert str(tmp_path / name) in refused(check_place, tmp_path / name)
    assert str(tmp_path / name) in refused(check_place, tmp_path / name / "below")
    assert names(tmp_path) == []


def test_a_link_to_itself_is_refused_at_once(tmp_path):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert str(tmp_path / "one") in refused(check_place, tmp_path / "one")
    assert names(tmp_path) == ["one", "two"]


def test_two_that_write_one_new_folder_lose_nothing(tmp_path):
    """The second is refused when it is done, and the first one's result is there."""
    folder = tmp_path / "out"

    def write_late():
        with written_whole(folder) as late:
            (late / "content").write_text("late")
            with written_whole(folder) as early:
                (early / "content").write_text("early")

    with pytest.raises(SegadvError, match="exists already, it was written meanwhile"):
        write_late()
    assert (folder / "content").read_text() == "early"
    assert names(tmp_path) == ["out"]


@pytest.mark.skipif(
    sys.platform not in ("linux", "darwin"), reason="only Linux and macOS exchange two folders"
)
def test_folders_are_exchanged_in_one_step(tmp_path, monkeypatch):
    """Without a moment in which there is neither the old nor the new one."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "content").write_text("out")
    monkeypatch.setattr(Path, "rename", None)
    with written_whole(folder, overwrite=True) as new:
        (new / "content").write_text("new")
    assert (folder / "content").read_text() == "new"
    assert names(tmp_path) == ["out"]


WRITING = """
import os, sys
from pathlib import Path
from napari_segadv.common import atomic_files
from napari_segadv.common.atomic_files import written_whole

folder, when = Path(sys.argv[1]), sys.argv[2]
rename = Path.rename
atomic_files._exchange = lambda one, other: False

def dying(self, to):
    rename(self, to)
    os._exit(9)

with written_whole(folder, overwrite=True) as new:
    (new / "content").write_text("new")
    if when == "written":
        os._exit(9)
    Path.rename = dying
"""


@pytest.mark.parametrize("when", ["written", "moved aside"])
def test_what_a_killed_process_left_is_cleared_and_its_old_folder_restored(tmp_path, when):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "content").write_text("out")
    done = subprocess.run([sys.executable, "-c", WRITING, folder, when], check=False)
    assert done.returncode == 9
    left = names(tmp_path)
    assert len(left) == (2 if when == "written" else 1)
    assert ("out" in left) == (when == "written")
    check_place(folder)
    assert names(tmp_path) == ["out"]
    assert (folder / "content").read_text() == "out"


def test_what_another_process_is_writing_stays(tmp_path):
    with written_whole(tmp_path / "one") as new:
        (new / "content").write_text("one")
        check_place(tmp_path / "two")
        with written_whole(tmp_path / "two") as other:
            (other / "content").write_text("two")
    assert names(tmp_path) == ["one", "two"]


@pytest.mark.parametrize("owner", [None, "[]", "nonsense", '{"pid": "x"}', '{"place": "../../x"}'])
def test_a_folder_of_an_unknown_process_stays_for_a_day(tmp_path, owner):
    half = tmp_path / ".segadv-other"
    (half / "old").mkdir(parents=True)
    if owner is not None:
        (half / "owner.json").write_text(owner)
    check_place(tmp_path / "out")
    assert half.is_dir()
    os.utime(half, (0, 0))
    check_place(tmp_path / "out")
    assert names(tmp_path) == []
