"""Pillow's reading of one kind of file: without its warnings, and its failures in one line."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import Image

from ..errors import SegadvError
from .integrity import damaged
from .itk import silenced


@contextmanager
def pillow(path: Path, file: IO[bytes], kind: str) -> Iterator[Image.Image]:
    """Open an image by Pillow, in one format alone; libtiff and libjpeg print nothing.

    Args:
        path: the file, for messages.
        file: open for reading; it may be a part of that file.
        kind: Pillow's name of the format.

    Raises:
        SegadvError: if Pillow can't read it, also within the block.
    """
    try:
        with warnings.catch_warnings(), silenced():
            # What is too large is refused by the caller, by the memory that it takes.
            warnings.simplefilter("ignore")
            with Image.open(file, formats=(kind,)) as image:
                yield image
    except (SegadvError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - Pillow may raise anything on damaged data
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> SegadvError:
    """Return the error for a failure of Pillow."""
    text = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in text.lower():
        return SegadvError(
            f"{path}: ends before its image does; check that the file is complete and of the type "
            "that its name says"
        )
    if "decompression bomb" in text:
        return SegadvError(f"{path}: has far too many pixels; use a smaller image")
    if "cannot identify" in text:
        return SegadvError(f"{path}: is of a kind that can't be read; convert it to PNG")
    return damaged(path, text[:120])
