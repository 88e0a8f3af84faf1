"""Cells of a table: the figures of one setting on one case, kept in a folder as they are computed.

A cell is a small file that is written whole or not at all, named by the hash of its key. The key
is everything that determines the figures, so a cell that fits is a cell that need not be computed
again. While a process computes a cell, it holds a lock on it. The system releases the lock when
the process ends, however it ends: another process then computes the cell.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..common.atomic_files import clear_leftovers, write_text
from ..errors import SegadvError

# Folder of the cells in that of a table.
CELLS = "cells"
LOCK = ".lock"


@dataclass(frozen=True)
class Cell:
    """What was found for one setting on one case, and what it cost.

    Attributes:
        values: plain data, as JSON returns it.
        forward, backward: passes of the attacks.
        seconds: how long it took.
    """

    values: Any
    forward: float
    backward: float
    seconds: float


class Cells:
    """The cells in a folder, shared by all processes that work on a table there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # What the user has to know: cells that could not be used.
        self.notes: list[str] = []

    def get(self, key: Mapping[str, Any]) -> Cell | None:
        """Return a finished cell; None if it is not there, or broken, which `notes` then says."""
        path = self._path(key)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["key"] != _as_read(key):
                raise ValueError("it is of another setting")
            cost = [float(content[name]) for name in ("forward", "backward", "seconds")]
            if not all(math.isfinite(value) and value >= 0 for value in cost):
                raise ValueError("its passes or seconds are no numbers")
            return Cell(content["values"], *cost)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            note = f"{path}: is broken ({error}), so it was computed again"
            if note not in self.notes:
                self.notes.append(note)
            return None

    def put(self, key: Mapping[str, Any], cell: Cell) -> None:
        """Write a cell, whole.

        Raises:
            SegadvError: if it can't be written.
        """
        content = {
            "key": key,
            "values": cell.values,
            "forward": cell.forward,
            "backward": cell.backward,
            "seconds": cell.seconds,
        }
        self._make()
        write_text(self._path(key), json.dumps(content, indent=1, allow_nan=False) + "\n")

    @contextmanager
    def claim(self, key: Mapping[str, Any]) -> Iterator[bool]:
        """Hold a cell while it is computed; yield False if another process holds it."""
        with self.claim_file(self._path(key).name) as mine:
            yield mine

    @contextmanager
    def claim_file(self, name: str) -> Iterator[bool]:
        """Hold whatever has this name in the folder; yield False if another process holds it."""
        self._make()
        path = self.folder / f"{name}{LOCK}"
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            # Who waits for the lock finds what it was for before doing anything, so a lock file
            # that is gone does no harm. Windows keeps one that another process has open.
            with suppress(OSError):
                path.unlink()
            lock.release()

    def clear(self) -> None:
        """Remove all cells, and whatever else was kept beside them.

        Raises:
            SegadvError: if a process computes one.
        """
        for path in sorted(self.folder.glob(f"*{LOCK}")):
            with self.claim_file(path.name.removesuffix(LOCK)) as mine:
                if not mine:
                    raise SegadvError(
                        f"{self.folder}: another process works there; wait for it, or leave out "
                        "--fresh to share its work"
                    )
        clear_leftovers(self.folder)
        for path in self.folder.glob("*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _path(self, key: Mapping[str, Any]) -> Path:
        return self.folder / f"{hash_of(key)[:32]}.json"

    def _make(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SegadvError(
                f"{self.folder}: can't be made ({error.strerror or error}); name another folder"
            ) from None
        clear_leftovers(self.folder)


def hash_of(key: Any) -> str:
    """Return the hash of plain data."""
    return hashlib.sha256(json.dumps(key, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _as_read(key: Any) -> Any:
    """Return plain data as it is after it was written and read."""
    return json.loads(json.dumps(key, allow_nan=False))
