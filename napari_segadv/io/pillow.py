"""Pillow's reading of one kind of file, without its warnings."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from PIL import Image

from .itk import silenced


@contextmanager
def pillow(file: IO[bytes], kind: str) -> Iterator[Image.Image]:
    """Open an image by Pillow, in one format alone; libtiff and libjpeg print nothing.

    Args:
        file: open for reading.
        kind: Pillow's name of the format.
    """
    with warnings.catch_warnings(), silenced():
        # What is too large is refused by the caller, by the memory that it takes.
        warnings.simplefilter("ignore")
        with Image.open(file, formats=(kind,)) as image:
            yield image
