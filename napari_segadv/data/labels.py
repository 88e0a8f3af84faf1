"""Class numbers: what an array must hold to be the labels of a mask, wherever it comes from."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SegadvError

Labels = npt.NDArray[np.integer[Any]]

# The largest class number that a file can hold.
MOST_LABEL = np.iinfo(np.uint16).max


def label_array(given: Any, name: str) -> Labels:
    """Return class numbers as an array of uint8, or of uint16 where they need it.

    Whole numbers from 0 to 65535 are welcome in every type that holds them exactly, in every byte
    order and memory order: integers, bool, and floating point without fractions. Nothing is
    rounded or wrapped.

    Args:
        given: an array, or what numpy makes one of.
        name: what the numbers are of; error messages begin with it.

    Raises:
        SegadvError: if it holds anything else.

    Examples:
        >>> label_array([[0.0, 1.0], [2.0, 300.0]], "target")
        array([[  0,   1],
               [  2, 300]], dtype=uint16)
        >>> label_array([0, 1, -1], "target")
        Traceback (most recent call last):
        napari_segadv.errors.SegadvError: target: holds -1, but class numbers go from 0 to 65535; \
give pixels without a class the number 0
    """
    array = _array(given, name)
    if array.dtype.kind == "b":
        return np.ascontiguousarray(array).view(np.uint8)
    if array.dtype in (np.uint8, np.uint16):
        native: Labels = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
        return native
    if array.dtype.kind == "f":
        _check_whole(array, name)
    elif array.dtype.kind not in "iu":
        raise SegadvError(
            f"{name}: holds values of the type {array.dtype}, not numbers; give whole class numbers"
        )
    # As Python's numbers: float16 can't even be compared with 65535.
    low, high = array.min(initial=0).item(), array.max(initial=0).item()
    if low < 0 or high > MOST_LABEL:
        wrong = low if low < 0 else high
        shown = f"{wrong}" if isinstance(wrong, int) else f"{wrong:g}"
        raise SegadvError(
            f"{name}: holds {shown}, but class numbers go from 0 to {MOST_LABEL}; "
            + ("give pixels without a class the number 0" if low < 0 else "renumber its classes")
        )
    fitting: Labels = np.ascontiguousarray(array, np.uint8 if high < 256 else np.uint16)
    return fitting


def _array(given: Any, name: str) -> npt.NDArray[Any]:
    """Make an array of what was given, or say why that can't be done."""
    if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
        raise SegadvError(f"{name}: has masked pixels; fill them with a class number")
    try:
        return np.asarray(given)
    # Of uneven lists, and of tensors that are on a GPU or have a gradient.
    except (ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise SegadvError(f"{name}: can't be made an array ({reason}); give an array") from None


def _check_whole(array: npt.NDArray[Any], name: str) -> None:
    if not np.isfinite(array).all():
        raise SegadvError(f"{name}: holds NaN or infinity; give whole class numbers")
    broken = array[array != np.rint(array)]
    if broken.size:
        worst = broken[np.abs(broken - np.rint(broken)).argmax()].item()
        # As many digits as it takes to see the fraction.
        texts = [f"{worst:.{digits}g}" for digits in (6, 9, 17)]
        shown = next((text for text in texts if not float(text).is_integer()), texts[-1])
        raise SegadvError(f"{name}: holds fractions, such as {shown}; give whole class numbers")
