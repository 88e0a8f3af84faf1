"""Scan and Mask to and from SimpleITK images: axis order, colour and error messages."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..data.scan import Array, Grid, Storage
from ..errors import SegadvError
from .pixels import Pixels


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


def pixels_of(
    image: sitk.Image,
    path: Path,
    *,
    physical: bool = True,
    storage: Storage | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Pixels:
    """Return what an ITK image holds.

    Args:
        image: 2-D or 3-D.
        path: the file, for messages.
        physical: whether its geometry means anything.
        storage: how the file stores the numbers; None: as the image has them.
        meta: facts worth keeping.

    Raises:
        SegadvError: if it has other dimensions, complex numbers, or invalid geometry.
    """
    if image.GetDimension() not in (2, 3):
        size = " x ".join(map(str, image.GetSize()))
        raise SegadvError(
            f"{path}: has {image.GetDimension()} dimensions ({size}); save one volume"
        )
    array: Array = sitk.GetArrayFromImage(image)
    if array.dtype.kind not in "iuf":
        raise SegadvError(f"{path}: holds {image.GetPixelIDTypeAsString()}, not intensities")
    return Pixels(array, grid_of(image, physical, path), storage, meta=meta or {})


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


def write_image(
    array: Array, grid: Grid, path: Path, colour: bool = False, compress: bool = True
) -> None:
    """Write one file; a failure (full disk, no permission) becomes a one-line error."""
    try:
        with silenced():
            sitk.WriteImage(image_of(array, grid, colour), str(path), useCompression=compress)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("sitk::ERROR: ").strip()
        raise SegadvError(f"{path}: can't be written ({reason}); name another file") from None
