"""Files and folders that are written whole or not at all.

They are written into a temporary folder beside their place, and moved there in one step. What a
killed process has left is removed by the next one that writes there; an earlier folder that it had
moved aside is restored.
"""

import ctypes
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from ..errors import SegadvError

# Prefix of temporary folders. It does not contain the final name, which may already have LONGEST
# bytes, the most that file systems allow.
HALF = ".segadv-"
LONGEST = 255
# In a temporary folder: what is written, an earlier folder moved aside, and who writes.
NEW, OLD, OWNER = "new", "old", "owner.json"
# Seconds after which the temporary folder of an unknown process or another computer is left over.
FORGOTTEN = 86400


def check_place(folder: Path) -> None:
    """Refuse a path where no folder can be made, before anything is computed.

    Raises:
        SegadvError: if it is a broken link, its name is too long, or one of its parents is a file.
    """
    try:
        if folder.is_symlink() and not folder.exists():
            raise SegadvError(f"{folder}: is a broken link; name another folder")
        above = next(parent for parent in folder.absolute().parents if parent.exists())
        if len(os.fsencode(folder.name)) > LONGEST:
            raise SegadvError(f"{folder}: the name is too long; give a shorter one")
    except (OSError, RuntimeError) as error:
        raise SegadvError(f"{folder}: can't be used ({error}); name another folder") from None
    if not above.is_dir():
        raise SegadvError(f"{above}: is a file; name another folder for the result")
    if not os.access(above, os.W_OK):
        raise SegadvError(f"{above}: can't be written to; name another folder for the result")
    clear_leftovers(folder.parent)


def write_text(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Write a text file. An existing file is replaced, or unchanged if the writing fails.

    Raises:
        SegadvError: if it can't be written.
    """
    try:
        with beside(path) as half:
            new = half / "text"
            new.write_text(text, encoding=encoding)
            # A link to itself fails here; `resolve` takes it for a new file, from Python 3.13 on.
            with suppress(FileNotFoundError):
                path.stat()
            # Writes through a link instead of replacing it.
            new.replace(path.resolve())
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SegadvError(f"{path}: can't be written ({reason}); name another file") from None


@contextmanager
def files_whole(path: Path) -> Iterator[Path]:
    """Yield a folder to write files into, which are moved beside `path` once all are written.

    Args:
        path: the file, or one of several, that shall be there; for the message, too.

    Raises:
        SegadvError: if they can't be written.
    """
    try:
        with beside(path) as half:
            yield half
            for file in sorted(half.iterdir()):
                file.replace(path.parent / file.name)
    except OSError as error:
        raise SegadvError(
            f"{path}: can't be written ({error.strerror or error}); name another file"
        ) from None


@contextmanager
def written_whole(folder: Path, overwrite: bool = False) -> Iterator[Path]:
    """Yield a new folder to write into, which becomes `folder` once all is written.

    Args:
        folder: where it shall be.
        overwrite: replace a folder that is there then; the caller must have made sure that it may
            be replaced.

    Raises:
        SegadvError: if it can't be written, or, unless `overwrite`, is there by then.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with beside(folder) as new:
            yield new
            if overwrite:
                replace_folder(folder, new, new.with_name(OLD))
            else:
                _put(folder, new)
    except OSError as error:
        raise SegadvError(
            f"{folder}: can't be written ({error.strerror or error}); name another folder"
        ) from None


@contextmanager
def beside(place: Path) -> Iterator[Path]:
    """Yield an empty folder on the disk of a file or folder, to write it into before it is moved.

    The folder is removed afterwards.
    """
    clear_leftovers(place.parent)
    with tempfile.TemporaryDirectory(prefix=HALF, dir=place.parent) as half:
        own = psutil.Process()
        owner = {
            "pid": own.pid,
            "started": own.create_time(),
            "host": platform.node(),
            "place": place.name,
        }
        (Path(half) / OWNER).write_text(json.dumps(owner), encoding="utf-8")
        new = Path(half) / NEW
        new.mkdir()
        yield new


def _put(folder: Path, new: Path) -> None:
    """Move a new folder to its place, unless there is one already."""
    try:
        # Unlike `replace` this fails, in one step, where something is; an empty folder may be.
        new.rename(folder)
    except OSError:
        if not folder.exists():
            raise
        raise SegadvError(
            f"{folder}: exists already, it was written meanwhile; name another folder"
        ) from None


def replace_folder(folder: Path, new: Path, aside: Path) -> None:
    """Replace a folder that may exist by a new one; if that fails, restore the old one."""
    if folder.exists() and _exchange(folder, new):
        return
    try:
        if folder.exists():
            folder.rename(aside)
        new.rename(folder)
    except BaseException:
        # Ctrl-C counts too, and may come between the two renames.
        if aside.exists() and not folder.exists():
            aside.rename(folder)
        raise


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; return False where the system can't."""
    names = os.fsencode(one), os.fsencode(other)
    try:
        # Linux, then macOS. Python has no function for either.
        if sys.platform == "linux":
            here, exchange = -100, 2
            call = ctypes.CDLL(None, use_errno=True).renameat2
            return bool(call(here, names[0], here, names[1], exchange) == 0)
        if sys.platform == "darwin":
            swap = 2
            return bool(ctypes.CDLL(None, use_errno=True).renamex_np(*names, swap) == 0)
    except (OSError, AttributeError):
        pass
    return False


def clear_leftovers(folder: Path) -> None:
    """Remove the temporary folders of processes that were killed while they wrote into a folder.

    A folder that such a process had moved aside, to put another in its place, is restored.
    """
    with suppress(OSError):
        for half in folder.glob(f"{HALF}*"):
            if half.is_symlink() or not half.is_dir():
                continue
            owner = _owner(half)
            if not _left(half, owner):
                continue
            name = str(owner.get("place", ""))
            place = folder / name
            if name and name == place.name and (half / OLD).is_dir() and not place.exists():
                (half / OLD).rename(place)
            shutil.rmtree(half, ignore_errors=True)


def _owner(half: Path) -> dict[str, Any]:
    try:
        owner = json.loads((half / OWNER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _left(half: Path, owner: dict[str, Any]) -> bool:
    """Return whether the process that wrote a temporary folder is gone."""
    if owner.get("host") == platform.node() and isinstance(owner.get("pid"), int):
        try:
            return bool(psutil.Process(owner["pid"]).create_time() != owner.get("started"))
        except (psutil.NoSuchProcess, ValueError, OverflowError):
            return True
        except psutil.AccessDenied:
            return False
    return time.time() - half.stat().st_mtime > FORGOTTEN
