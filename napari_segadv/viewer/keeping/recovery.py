"""A copy of unsaved work, for the case that napari is killed: written now and then, offered later.

Each window writes into a folder of its own below the user's data folder. The folder is deleted when
the window is closed. One whose process is gone was left by a crash.
"""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import platformdirs
import psutil
from psygnal import Signal
from qtpy.QtCore import QTimer

from ...errors import SegadvError
from ..controller.controller import Controller
from ..controller.latest import Latest
from ..controller.runner import Poll
from ..runs.kept import Kept
from ..runs.session_victim import source_of
from ..widgets.settings import settings
from .unsaved import Unsaved

# Milliseconds of rest before a copy is written, and between two looks at what was painted.
REST, LOOK = 5_000, 120_000
# Days after which a copy that nobody wanted is deleted.
KEPT_FOR = 14
SESSION, OWNER = "session", "owner.txt"


def place() -> Path:
    """Return the folder of all copies."""
    return Path(platformdirs.user_data_dir("napari-segadv", appauthor=False)) / "recovery"


class Recovery:
    """Writes the copy of one window.

    Signals, on the main thread:
        failed: why no copy can be kept, in one line; once, until one can be kept again.
    """

    failed = Signal(str)

    def __init__(self, controller: Controller, unsaved: Unsaved) -> None:
        self._controller, self._unsaved = controller, unsaved
        self._folder = place() / f"{os.getpid()}-{uuid4().hex[:8]}"
        self._latest = Latest()
        self._latest.failed.connect(self._failed)
        self._dropped = self._told = False
        self._opened: list[Left] = []
        self._rest = QTimer(singleShot=True, interval=REST)
        self._rest.timeout.connect(self.write)
        self._look = QTimer(interval=LOOK)
        self._look.timeout.connect(self._rest.start)
        self._look.start()
        controller.runs.changed.connect(self._soon)
        controller.runs.judged.connect(self._soon)
        controller.victims.target_made.connect(self._soon)
        controller.session_saved.connect(self._saved)

    def opened(self, left: "Left") -> None:
        """Keep a copy that was opened again until the work is saved or given up."""
        self._opened.append(left)
        self._unsaved.forget()
        self._soon()

    def _saved(self, kept: Any) -> None:
        for left in self._opened:
            left.delete()
        self._opened.clear()
        self._soon()

    def _soon(self, *_: Any) -> None:
        self._rest.start()

    def write(self) -> None:
        """Write a copy off the main thread if anything is unsaved; else delete the one before.

        If the user has switched the copy off in napari's Preferences, none is written.
        """
        if self._dropped or self._controller.closed:
            return
        if not settings().recovery or not self._unsaved.sentence():
            shutil.rmtree(self._folder, ignore_errors=True)
            return
        kept = Kept.of(self._controller, source_of(self._controller))
        folder = self._folder

        def work(poll: Poll) -> None:
            try:
                write_copy(kept, folder, poll)
            finally:
                if self._dropped:
                    # The window was closed meanwhile, and has not waited for so long.
                    shutil.rmtree(folder, ignore_errors=True)

        self._latest.ask(work, self._written)

    def _written(self, value: Any) -> None:
        self._told = False

    def _failed(self, message: str) -> None:
        if not self._told and not self._dropped:
            self._told = True
            self.failed.emit(f"no copy of your unsaved work can be kept: {message}")

    def stop(self) -> None:
        """Write no more. A copy that is being written goes on for a moment."""
        self._dropped = True
        self._rest.stop()
        self._look.stop()
        self._latest.drop()

    def drop(self) -> None:
        """Write no more, and delete the copy."""
        self.stop()
        for left in self._opened:
            left.delete()
        shutil.rmtree(self._folder, ignore_errors=True)


def write_copy(kept: Kept, folder: Path, poll: Poll) -> None:
    """Write a copy into the folder of a window, in place of the one before.

    Raises:
        SegadvError: if it can't be written.
    """
    new = folder / f"{SESSION}-{uuid4().hex[:8]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / OWNER).write_text(owner(), encoding="utf-8")
        kept.write(new, poll)
    except (OSError, SegadvError) as error:
        # What another error advises is of no use here: the user has not chosen the folder.
        problem = str(error).partition("; ")[0]
        if isinstance(error, OSError):
            problem = f"{folder}: {error.strerror or error}"
        raise SegadvError(f"{problem}; save the session yourself") from None
    for old in folder.glob(f"{SESSION}-*"):
        if old != new:
            shutil.rmtree(old, ignore_errors=True)


@dataclass(frozen=True)
class Left:
    """A copy that a crash has left.

    Attributes:
        folder: to be deleted once it is not needed.
        session: the session in it.
        time: when it was written, in seconds since the epoch.
    """

    folder: Path
    session: Path
    time: float

    @property
    def when(self) -> str:
        """The time of the copy, to the minute."""
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self.time))

    def delete(self) -> None:
        """Delete the copy."""
        shutil.rmtree(self.folder, ignore_errors=True)


def left_behind() -> list[Left]:
    """List the copies whose process is gone, the newest first; very old ones are deleted."""
    return sorted(_left(), key=lambda left: left.time, reverse=True)


def _left() -> Iterator[Left]:
    for folder in place().glob("*-*"):
        if _in_use(folder):
            continue
        sessions = sorted(folder.glob(f"{SESSION}-*/session.json"), key=lambda p: p.stat().st_mtime)
        if not sessions or time.time() - sessions[-1].stat().st_mtime > KEPT_FOR * 86_400:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        yield Left(folder, sessions[-1].parent, sessions[-1].stat().st_mtime)


def owner() -> str:
    """Return what tells this process from a later one of the same number."""
    return f"{os.getpid()} {psutil.Process().create_time():.2f}"


def _in_use(folder: Path) -> bool:
    """Return whether the process that writes a folder still runs."""
    try:
        number, began = (folder / OWNER).read_text(encoding="utf-8").split()
        return bool(abs(psutil.Process(int(number)).create_time() - float(began)) < 1)
    except (OSError, ValueError, psutil.Error):
        return False
