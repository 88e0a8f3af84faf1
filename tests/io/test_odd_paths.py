"""Paths that native libraries can't handle, and paths of no file: refused, never a crash."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from helpers import PATIENCE, disc_image, write_series

from napari_segadv import io
from napari_segadv.data.scan import Scan

# Runs in a separate process, since ITK would end this one, and a pipe would block it for ever.
BEGIN = """
import os
from napari_segadv import io
from napari_segadv.errors import SegadvError
from napari_segadv.data.scan import Mask, Scan
from napari_segadv.viewer import hooks
import numpy as np
name = os.fsdecode({name!r})
scan = Scan.from_array(np.arange(48, dtype=np.uint8).reshape(6, 8))
mask = Mask(scan.array, scan.grid)
"""
CALL = """
try:
    {call}
    print("done", flush=True)
except SegadvError as error:
    print(str(error).encode("ascii", "replace").decode(), flush=True)
"""
READS = {
    "library": ("io.read(name)", "io.read_mask(name)", "io.mask_for(name, scan, 'target')"),
    "viewer": ("(hooks.get_reader(name) or io.read)(name)", "hooks.read([name])"),
}
SAVES = ("io.save(scan, name)", "io.save_mask(mask, name)", "io.save_array(scan.array, name, scan)")


def run_alone(calls, path: bytes, folder) -> list[str]:
    """Run calls on a path in a separate process, and return the line that each prints."""
    code = BEGIN.format(name=path) + "".join(CALL.format(call=call) for call in calls)
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1"}
    command, options = [sys.executable, "-c", code], {"capture_output": True, "text": True}
    try:
        done = subprocess.run(command, cwd=folder, env=env, timeout=PATIENCE, **options)
    except subprocess.TimeoutExpired as late:
        pytest.fail(f"{calls[len((late.stdout or b'').splitlines())]} hangs")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{calls[len(lines)]}: {done.returncode}, {done.stderr[-500:]}"
    assert len(lines) == len(calls), "more than one line each"
    return lines


def refused(calls, path, folder, *parts):
    for call, line in zip(calls, run_alone(calls, path, folder), strict=True):
        for part in parts:
            assert part in line, call


@pytest.fixture
def latin(tmp_path):
    """An image, a volume and a folder of a series, each with a name in Latin-1."""
    io.save(Scan.from_array(disc_image()), tmp_path / "a.png")
    try:
        shutil.copy(tmp_path / "a.png", os.fsencode(tmp_path) + b"/M\xfcller.png")
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    volume = Scan.from_array(np.arange(120, dtype=np.int16).reshape(4, 5, 6), (1.0, 1.0, 1.0))
    io.save(volume, tmp_path / "a.nii.gz")
    shutil.copy(tmp_path / "a.nii.gz", os.fsencode(tmp_path) + b"/M\xfcller.nii.gz")
    write_series(tmp_path / "series", np.arange(480).reshape(4, 12, 10))
    shutil.copytree(tmp_path / "series", os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller"))
    return tmp_path


@pytest.mark.parametrize("calls", READS)
@pytest.mark.parametrize("name", [b"M\xfcller.png", b"M\xfcller.nii.gz", b"M\xfcller"], ids=ascii)
def test_an_image_whose_path_is_not_in_utf_8(latin, name, calls):
    refused(READS[calls], name, latin, "M?ller", "rename it")


def test_a_file_to_be_written_whose_path_is_not_in_utf_8(latin):
    before = sorted(path.name for path in latin.iterdir())
    for name in (b"N\xfcller.nii.gz", b"N\xfcller.tif"):
        refused(SAVES, name, latin, "N?ller", "rename it")
    assert sorted(path.name for path in latin.iterdir()) == before


def test_a_folder_above_whose_name_is_not_in_utf_8(latin):
    shutil.copy(latin / "a.png", os.fsencode(latin) + b"/M\xfcller/a.png")
    for name in (b"M\xfcller/a.png", b"M\xfcller/000.dcm"):
        refused(READS["library"], name, latin, "M?ller", "rename it")
    refused(SAVES, b"M\xfcller/b.nii", latin, "M?ller", "rename it")


def test_a_name_in_utf_8_that_is_not_ascii(latin):
    name = "Müller é 漢.png".encode()
    shutil.copy(latin / "a.png", os.fsencode(latin) + b"/" + name)
    calls = ("io.read(name)", "hooks.get_reader(name)(name)", "io.save(scan, name)")
    assert run_alone(calls, name, latin) == ["done"] * 3


def test_a_series_with_a_file_whose_name_is_not_in_utf_8(latin):
    (latin / "series" / "001.dcm").rename(latin / "series" / os.fsdecode(b"M\xfcller.dcm"))
    (line,) = run_alone(["assert io.read(name).array.shape == (4, 12, 10)"], b"series", latin)
    assert line == "done" or "series" in line


@pytest.fixture
def pipe(tmp_path):
    """A folder with a named pipe whose name is that of an image."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(tmp_path / "x.png")
    return tmp_path


@pytest.mark.parametrize("calls", READS)
def test_a_named_pipe_is_no_image(pipe, calls):
    refused(READS[calls], b"x.png", pipe, "x.png: ", "; ")


def test_a_named_pipe_is_no_place_for_an_image(pipe):
    (line,) = run_alone(SAVES[:1], b"x.png", pipe)
    assert line == "done" or "x.png: " in line
    assert [path.name for path in pipe.iterdir()] == ["x.png"]
