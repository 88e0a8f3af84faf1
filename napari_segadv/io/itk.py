"""Scan and Mask to and from SimpleITK images: axis order, colour and error messages."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..data.scan import Array, Grid
from ..errors import SegadvError


def grid_of(image: sitk.Image, physical: bool, path: Path) -> Grid:
    """Return the grid of an ITK image, turned from ITK's (x, y, z) into array order.

    Raises:
        SegadvError: if its spacing or origin is invalid, or its axes are not at right angles.
    """
    ndim = image.GetDimension()
    shape = tuple(reversed(image.GetSize()))
    if not physical:
        return Grid.pixels(shape)
    direction = np.array(image.GetDirection(), dtype=np.float64).reshape(ndim, ndim)[::-1, ::-1]
    sizes = np.array([*image.GetSpacing(), *image.GetOrigin()])
    if not (np.isfinite(sizes).all() and (sizes[:ndim] > 0).all()):
        raise SegadvError(f"{path}: has an invalid spacing or origin; correct its header")
    if not np.allclose(direction.T @ direction, np.eye(ndim), atol=1e-3):
        raise SegadvError(
            f"{path}: its axes are not at right angles (a tilted gantry?); resample it first"
        )
    return Grid(
        shape,
        tuple(reversed(image.GetSpacing())),
        tuple(reversed(image.GetOrigin())),
        np.ascontiguousarray(direction),
    )


def array_of(image: sitk.Image, path: Path) -> tuple[Array, bool]:
    """Return the pixels of an ITK image and whether they are RGB.

    An alpha channel is dropped: it says nothing about the patient.
    """
    array: Array = sitk.GetArrayFromImage(image)
    components = image.GetNumberOfComponentsPerPixel()
    if array.dtype.kind not in "iuf":
        raise SegadvError(f"{path}: holds {image.GetPixelIDTypeAsString()}, not intensities")
    if components == 1:
        return array, False
    if components == 2:
        return np.ascontiguousarray(array[..., 0]), False
    if components in (3, 4):
        return np.ascontiguousarray(array[..., :3]), True
    raise SegadvError(
        f"{path}: has {components} values per pixel; extract one (grey) or three (RGB) of them"
    )


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


def read_image(path: Path) -> sitk.Image:
    """Read one file.

    Raises:
        SegadvError: if ITK can't read it.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    return guarded(reader.Execute, path)


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


def guarded(read: Callable[[], Any], path: Path) -> Any:
    """Run an ITK read and turn its failure into a one-line error."""
    warned = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        with silenced():
            return read()
    except (RuntimeError, MemoryError) as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("sitk::ERROR: ").strip()
        raise SegadvError(
            f"{path}: can't be read as an image ({reason}); check that the file is complete and of "
            "the type that its name says"
        ) from None
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(warned)


def write_image(image: sitk.Image, path: Path, compress: bool = True) -> None:
    """Write one file; a failure (full disk, no permission) becomes a one-line error."""
    try:
        with silenced():
            sitk.WriteImage(image, str(path), useCompression=compress)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("sitk::ERROR: ").strip()
        raise SegadvError(f"{path}: can't be written ({reason}); name another file") from None
