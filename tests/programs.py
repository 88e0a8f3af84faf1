"""Descriptions of the test program `victims/program.py`, as files of victims."""

import sys
from pathlib import Path

import psutil
import yaml

from napari_segadv.errors import NeedsTrust
from napari_segadv.victims import load_victim

PROGRAM = Path(__file__).parent / "victims" / "program.py"
CLASSES = ["background", "dim", "bright"]


def described(folder, mode="", *, ending=".png", name="tool.yaml", **more):
    """Write a description of the program beside a copy of it; return its path.

    Args:
        folder: for both.
        mode: what goes wrong.
        ending: of image and mask.
        name: of the description.
        more: keys to add or to replace; None leaves one out.
    """
    script = folder / "program.py"
    script.write_bytes(PROGRAM.read_bytes())
    command = [sys.executable, "program.py", "{input}", "{output}", *([mode] if mode else [])]
    content = {
        "command": command,
        "input": f"image{ending}",
        "output": f"mask{ending}",
        "classes": CLASSES,
        "dims": 2,
        "window": [0, 255],
        **more,
    }
    path = folder / name
    kept = {key: value for key, value in content.items() if value is not None}
    path.write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
    return path


def trusted(path):
    """Load the program of a description after agreeing to it."""
    return load_victim(path, question_of(path).sha256)


def question_of(path) -> NeedsTrust:
    """Return what is asked before a description's program may run."""
    try:
        load_victim(path)
    except NeedsTrust as question:
        return question
    raise AssertionError(f"{path} was loaded without a question")


def gone(note) -> bool:
    """Whether a program that hangs, what it has started, and its folder are gone.

    Args:
        note: what it has written: its numbers in a line, its folder in the next.
    """
    pids, folder = note.splitlines()
    return not any(map(runs, map(int, pids.split()))) and not Path(folder).exists()


def runs(pid) -> bool:
    """Whether a process runs; one that has ended stays listed until its parent has asked."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
