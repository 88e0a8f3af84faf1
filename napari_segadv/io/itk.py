"""Scan and Mask to and from SimpleITK images: axis order, colour and error messages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..errors import SegadvError
from ..scan import Array, Grid


def grid_of(image: sitk.Image, physical: bool) -> Grid:
    """The grid of an ITK image, turned from ITK's (x, y, z) into array order."""
    ndim = image.GetDimension()
    shape = tuple(reversed(image.GetSize()))
    if not physical:
        return Grid.pixels(shape)
    direction = np.array(image.GetDirection(), dtype=np.float64).reshape(ndim, ndim)[::-1, ::-1]
    return Grid(
        shape,
        tuple(reversed(image.GetSpacing())),
        tuple(reversed(image.GetOrigin())),
        np.ascontiguousarray(direction),
    )


def array_of(image: sitk.Image, path: Path) -> tuple[Array, bool]:
    """The pixels of an ITK image and whether they are RGB.

    An alpha channel is left out: it says nothing about the patient.
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
        f"{path}: has {components} values a pixel; extract one (grey) or three (RGB) of them"
    )


def image_of(array: Array, grid: Grid, colour: bool = False) -> sitk.Image:
    """An ITK image of an array on a grid (colour or another vector last)."""
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
    """Reads one file.

    Raises:
        SegadvError: in one line, where ITK can't.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    return guarded(reader.Execute, path)


def guarded(read: Callable[[], Any], path: Path) -> Any:
    """Runs an ITK read and turns its failure into one line."""
    warned = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        return read()
    except (RuntimeError, MemoryError) as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("sitk::ERROR: ").strip()
        raise SegadvError(
            f"{path}: can't be read as an image ({reason}); is the file complete and of the type "
            "that its name says?"
        ) from None
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(warned)


def write_image(image: sitk.Image, path: Path, compress: bool = True) -> None:
    """Writes one file; a failure (full disk, no permission) becomes one line."""
    try:
        sitk.WriteImage(image, str(path), useCompression=compress)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("sitk::ERROR: ").strip()
        raise SegadvError(f"{path}: can't be written ({reason})") from None
