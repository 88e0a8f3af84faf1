"""SimpleITK: arrays as its images, and files that it reads and writes, failures in one line."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import numpy as np
import SimpleITK as sitk

from ..data.scan import Array, Grid
from ..errors import SegadvError


def image_of(array: Array, grid: Grid, colour: bool = False) -> sitk.Image:
    """Make an ITK image of an array on a grid, colour or other components last."""
    if array.dtype == bool:
        array = array.astype(np.uint8)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array), isVector=colour)
    image.SetSpacing(tuple(reversed(grid.spacing)))
    image.SetOrigin(tuple(reversed(grid.origin)))
    image.SetDirection(grid.direction[::-1, ::-1].ravel().tolist())
    return image


def read_image(path: Path, kind: str = "") -> sitk.Image:
    """Read one file.

    Args:
        path: the file.
        kind: ITK's reader for it, such as "PNGImageIO"; "": ITK decides.

    Raises:
        SegadvError: if ITK can't read it.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(kind)
    try:
        with quiet():
            return reader.Execute()
    except RuntimeError as error:
        raise SegadvError(
            f"{path}: can't be read as an image ({_reason(error)}); check that the file is "
            "complete and of the type that its name says"
        ) from None


@contextmanager
def silenced() -> Iterator[None]:
    """Keep native libraries from writing to the terminal: the error says it all."""
    sys.stdout.flush()
    sys.stderr.flush()
    originals = []
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):
            originals.append((number, os.dup(number)))
            os.dup2(nowhere, number)
        os.close(nowhere)
    except OSError:
        pass  # without a terminal there is nothing to silence
    try:
        yield
    finally:
        for number, original in originals:
            os.dup2(original, number)
            os.close(original)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep ITK's warnings from the user, which it prints or, on Windows, shows in a window."""
    warned = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        with silenced():
            yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(warned)


def write_image(
    array: Array,
    grid: Grid,
    path: Path,
    colour: bool = False,
    meta: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write one file, compressed if its format can be.

    Args:
        array: its numbers, components last.
        grid: where they lie.
        path: the file.
        colour: whether there are components.
        meta: keys and values for its header.

    Raises:
        SegadvError: if ITK can't write it.
    """
    image = image_of(array, grid, colour)
    for key, text in meta.items():
        image.SetMetaData(key, text)
    try:
        with quiet():
            sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError as error:
        reason = _reason(error)
        raise SegadvError(f"{path}: can't be written ({reason}); name another file") from None


def _reason(error: RuntimeError) -> str:
    """Return the last line of what ITK says, which is the reason."""
    return str(error).strip().rpartition("\n")[2].removeprefix("sitk::ERROR: ").strip()
