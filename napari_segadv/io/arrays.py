"""Reads back the float32 arrays on a scan's grid that `io.save_array` wrote."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..errors import SegadvError
from .registry import format_of


def read_array(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """An array as it was written, components last.

    Args:
        path: the file.
        shape: that it has to have, components included.

    Raises:
        SegadvError: where it can't be read, has another shape, or holds NaN or infinities.
    """
    if not path.is_file():
        raise SegadvError(f"{path}: no such file; restore it from a copy of the folder")
    image, meta = format_of(path).read(path)
    array = sitk.GetArrayFromImage(image)
    if array.shape != shape:
        raise SegadvError(f"{path}: has shape {array.shape}, not {shape}; it is of another image")
    if meta.get("broken") or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise SegadvError(f"{path}: holds values that are no numbers; restore it from a copy")
    return np.asarray(array, np.float32)
