"""How much memory is left, also in a container."""

import subprocess
import sys

import pytest

from napari_segadv.common import memory

FAULTS = """
import resource, sys
import numpy as np
from napari_segadv.common import memory

kept = memory.keep_freed() if "keep" in sys.argv else False
def work():
    for _ in range(20):
        np.ones(40 << 20, np.uint8).sum()
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_memory_of_a_container(tmp_path, monkeypatch):
    for name, value in (("max", "1000"), ("current", "400")):
        (tmp_path / name).write_text(value)
    files = [(str(tmp_path / "max"), str(tmp_path / "current"))]
    monkeypatch.setattr(memory, "CONTAINER", files)
    assert memory.available() == 600
    (tmp_path / "current").write_text("990")
    assert memory.available() == 250
    (tmp_path / "max").write_text("max")
    assert memory.available() > 1000


@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries take no such order")
def test_what_is_freed_is_used_again():
    def faults(*arguments):
        done = subprocess.run(
            [sys.executable, "-c", FAULTS, *arguments], capture_output=True, text=True, check=True
        )
        kept, count = done.stdout.split()
        return kept == "True", int(count)

    kept, few = faults("keep")
    _, many = faults()
    assert not kept or 10 * few < many


def test_no_more_is_kept_than_an_eighth_of_what_is_left(monkeypatch):
    asked = []

    class Library:
        @staticmethod
        def mallopt(parameter, value):
            asked.append(value)
            return 1

        @staticmethod
        def malloc_trim(pad):
            asked.append("trimmed")
            return 1

    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Library)
    monkeypatch.setattr(memory, "available", lambda: 8000)
    assert memory.keep_freed()
    assert asked == [1000, 1000]
    memory.give_back()
    assert asked[-1] == "trimmed"
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert not memory.keep_freed()
    memory.give_back()
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert not memory.keep_freed()
