"""Files and folders that are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import SegadvError

# Prefix of temporary folders. It does not contain the final name, which may already have LONGEST
# bytes, the most that file systems allow.
HALF = ".segadv-"
LONGEST = 255


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


def write_text(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Write a text file. An existing file is replaced, or unchanged if the writing fails.

    Raises:
        SegadvError: if it can't be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=HALF, dir=path.parent) as half:
            new = Path(half) / "new"
            new.write_text(text, encoding=encoding)
            # Writes through a link instead of replacing it.
            new.replace(path.resolve())
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SegadvError(f"{path}: can't be written ({reason}); name another file") from None


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Yield a new folder to write into, which replaces `folder` once all is written.

    The caller must have made sure that an existing folder may be replaced.

    Raises:
        SegadvError: if it can't be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=HALF, dir=folder.parent) as half:
            new = Path(half) / "new"
            new.mkdir()
            yield new
            replace_folder(folder, new, Path(half) / "old")
    except OSError as error:
        raise SegadvError(
            f"{folder}: can't be written ({error.strerror or error}); name another folder"
        ) from None


def replace_folder(folder: Path, new: Path, aside: Path) -> None:
    """Replace a folder that may exist by a new one; if that fails, restore the old one."""
    try:
        if folder.exists():
            folder.rename(aside)
        new.rename(folder)
    except BaseException:
        # Ctrl-C counts too, and may come between the two renames.
        if aside.exists() and not folder.exists():
            aside.rename(folder)
        raise
