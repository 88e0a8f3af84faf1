"""A program that does not end by itself is stopped, with all that it has started."""

import os
import time
from types import SimpleNamespace

import pytest
from programs import described, gone, trusted

from napari_segadv.common import processes
from napari_segadv.errors import Cancelled, SegadvError

pytestmark = pytest.mark.usefixtures("scratch")


@pytest.fixture
def note(tmp_path, monkeypatch):
    """Where the program that hangs writes who runs: itself, its child, and in which folder."""
    path = tmp_path / "note"
    monkeypatch.setenv("PROGRAM_NOTE", str(path))
    return path


def script(folder, text):
    """Describe another program, given by its text."""
    path = described(folder)
    (folder / "program.py").write_text(text)
    return path


def cancel(victim, scan, note):
    """Cancel a prediction as soon as the program has said that it runs."""

    def poll():
        if note.exists() and "\n" in note.read_text():
            raise Cancelled

    with pytest.raises(Cancelled):
        victim.predict(scan, poll=poll)


def test_one_that_hangs_is_stopped_with_what_it_has_started(tmp_path, scan2d, note, monkeypatch):
    def monotonic():
        # Ten minutes later, once it hangs.
        hangs = note.exists() and "\n" in note.read_text()
        return time.monotonic() + (601 if hangs else 0)

    monkeypatch.setattr(processes, "time", SimpleNamespace(monotonic=monotonic, sleep=time.sleep))
    victim = trusted(described(tmp_path, "hang"))
    with pytest.raises(SegadvError, match=r'longer than 600 s; raise "timeout" in tool\.yaml'):
        victim.predict(scan2d)
    assert gone(note.read_text())


def test_cancelling_stops_it(tmp_path, scan2d, note):
    cancel(trusted(described(tmp_path, "hang")), scan2d, note)
    assert gone(note.read_text())


def test_one_that_writes_without_end_is_stopped(tmp_path, scan2d, monkeypatch):
    monkeypatch.setattr(processes, "MOST_WRITTEN", 1 << 20)
    path = script(tmp_path, "import sys\nwhile True: sys.stderr.write('x' * 9999 + '\\n')\n")
    with pytest.raises(SegadvError, match="wrote more than 1 MB of messages"):
        trusted(path).predict(scan2d)


def test_what_it_leaves_running_is_stopped(tmp_path, scan2d, note):
    leaving = (
        "import os, pathlib, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'])\n"
        f"pathlib.Path({str(note)!r}).write_text(f'{{child.pid}}\\n{{os.getcwd()}}')\n"
    )
    with pytest.raises(SegadvError, match="wrote no mask"):
        trusted(script(tmp_path, leaving)).predict(scan2d)
    assert gone(note.read_text())


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_one_that_does_not_listen_is_killed(tmp_path, scan2d, note, monkeypatch):
    monkeypatch.setattr(processes, "GRACE", 0.2)
    deaf = (
        "import os, pathlib, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(note)!r}).write_text(f'{{os.getpid()}}\\n{{os.getcwd()}}')\n"
        "time.sleep(3600)\n"
    )

    cancel(trusted(script(tmp_path, deaf)), scan2d, note)
    assert gone(note.read_text())


def test_one_that_may_clean_up_does(tmp_path, scan2d, note):
    """A container's client is asked, not killed: it stops its container."""
    trace = tmp_path / "cleaned"
    tidy = (
        "import os, pathlib, signal, sys, time\n"
        "def clean(*_):\n"
        f"    pathlib.Path({str(trace)!r}).touch()\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, clean)\n"
        f"pathlib.Path({str(note)!r}).write_text(f'{{os.getpid()}}\\n{{os.getcwd()}}')\n"
        "time.sleep(3600)\n"
    )

    cancel(trusted(script(tmp_path, tidy)), scan2d, note)
    assert trace.exists()
