"""Files and folders that are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import SegadvError

# What is half written begins with this; of its own, since a name may be as long as names can be.
HALF = ".segadv-"
LONGEST = 255


def check_place(folder: Path) -> None:
    """Refuses a place where no folder can be made, before anything is computed.

    Raises:
        SegadvError: where it is a link to nothing, or a file stands above it.
    """
    try:
        if folder.is_symlink() and not folder.exists():
            raise SegadvError(f"{folder}: is a link to nothing; name another folder")
        above = next(parent for parent in folder.absolute().parents if parent.exists())
        if len(os.fsencode(folder.name)) > LONGEST:
            raise SegadvError(f"{folder}: has too long a name; name another folder")
    except (OSError, RuntimeError) as error:
        raise SegadvError(f"{folder}: can't be used ({error}); name another folder") from None
    if not above.is_dir():
        raise SegadvError(f"{above}: is a file; name another folder for the result")


def write_text(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Writes a text file; one that is there is replaced, or stays as it is.

    Raises:
        SegadvError: where it can't be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=HALF, dir=path.parent) as half:
            new = Path(half) / "new"
            new.write_text(text, encoding=encoding)
            # Through a link, not in its place.
            new.replace(path.resolve())
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SegadvError(f"{path}: can't be written ({reason}); name another file") from None


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """A new folder to write into, which takes the place of `folder` once all is written.

    Whether an existing folder may be replaced is for the caller to have asked.

    Raises:
        SegadvError: where it can't be written.
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
    """Puts a new folder in the place of one that may exist; if that fails, the old one is back."""
    try:
        if folder.exists():
            folder.rename(aside)
        new.rename(folder)
    except BaseException:
        # Stopped by hand, too, and between the two.
        if aside.exists() and not folder.exists():
            aside.rename(folder)
        raise
