"""A command that is ended from outside removes half-written files, as on Ctrl-C."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import PATIENCE, disc_image

from napari_segadv import io
from napari_segadv.data.scan import Scan

# Stops in the middle of writing, before the figure is drawn, until it reads a line from stdin.
SLOW = """
import sys
from napari_segadv import cli
from napari_segadv.results import figure

draw = figure.figure

def slow(example):
    print("writing", flush=True)
    sys.stdin.readline()
    return draw(example)

figure.figure = slow
cli.main()
"""
SIGNALS = [name for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)]


def in_a_terminal():
    """Lets signals end a process: nohup and a shell's background jobs have some of them ignored.

    SIGINT gets Python's own handler only if it is not ignored when Python starts.
    """
    for name in SIGNALS:
        signal.signal(getattr(signal, name), signal.SIG_DFL)


def with_nohup():
    in_a_terminal()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.fixture
def folder(tmp_path, weights_file):
    """An image beside the victim's files."""
    io.save(Scan.from_array(disc_image()), tmp_path / "x.png")
    (tmp_path / "scratch").mkdir()
    return tmp_path


def attack(folder, *more, started=in_a_terminal):
    """An attack in a process of its own, that is writing its result."""
    arguments = ["attack", "x.png", "--victim", "net.pt", "--untargeted", "--device", "cpu"]
    arguments += ["--set", "steps=1", "--out", "result", *more]
    # Temporary files, too, go into a folder that the test can look into.
    env = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(folder / "scratch")}
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments],
        **streams,
        cwd=folder,
        env=env,
        text=True,
        preexec_fn=started,
    )
    assert process.stdout.readline() == "writing\n", process.communicate(timeout=PATIENCE)[1]
    assert list(folder.glob(".segadv-*")), "nothing is half written yet"
    return process


def files_in(folder: Path):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", SIGNALS)
def test_nothing_is_left_of_a_result_that_was_being_written(folder, name):
    before = files_in(folder)
    process = attack(folder)
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err == "segadv: stopped; nothing was written\n"
    assert out == ""
    assert files_in(folder) == before
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["net.json", "net.pt", "scratch", "x.png"]


def test_an_earlier_result_stays_whole(folder):
    process = attack(folder)
    process.communicate("\n", timeout=PATIENCE)
    assert process.returncode == 0
    before = files_in(folder)
    assert folder / "result" / "result.json" in before
    process = attack(folder, "--overwrite", "--seed", "1")
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert files_in(folder) == before
    assert list(folder.glob(".segadv-*")) == []


def test_what_was_started_to_outlive_its_terminal_does(folder):
    process = attack(folder, started=with_nohup)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate("\n", timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert (folder / "result" / "result.json").is_file()
