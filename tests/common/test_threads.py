"""Threads that wait for others sleep soon."""

import os
import subprocess
import sys

import pytest

from napari_segadv.common import threads

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="torch uses GNU's OpenMP on Linux alone"
)

# What OpenMP was told, as it says itself when torch loads it.
COMMAND_LINE = "from napari_segadv import cli; cli.prepare_process(); import torch"
LIBRARY = "import napari_segadv, torch"
PANEL = """
from napari_segadv.viewer.workbench import panel
from napari_segadv.viewer.controller.victim_jobs import VictimJobs

class Now:
    def start(self, title, work, done, **options):
        work(lambda: None)
class Itself:
    _jobs = Now()
VictimJobs.prepare(Itself)
"""


def told(program, **settings):
    ours = (threads.SPINS, "OMP_WAIT_POLICY")
    env = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**env, "OMP_DISPLAY_ENV": "VERBOSE", "QT_QPA_PLATFORM": "offscreen", **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.split("'")[1] for line in done.stderr.splitlines() if threads.SPINS in line}


@pytest.mark.parametrize("program", [COMMAND_LINE, PANEL], ids=["command line", "panel"])
def test_openmp_is_told_to_sleep_soon(program):
    assert told(program) == {str(threads.SOON)}


@pytest.mark.parametrize("given", [{threads.SPINS: "7"}, {"OMP_WAIT_POLICY": "active"}], ids=str)
def test_what_the_user_says_stands(given):
    assert told(COMMAND_LINE, **given) == told(LIBRARY, **given)


def test_the_library_alone_changes_no_setting():
    assert str(threads.SOON) not in told(LIBRARY)
