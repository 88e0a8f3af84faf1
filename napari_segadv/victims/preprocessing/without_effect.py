"""Steps and arguments of a preprocessing that are left out: only if they are known to do nothing.

MONAI's loaders, casts and meta data steps change no pixel of an image as we read it, unless an
argument says so. Each argument is accepted with the values that are listed here; anything else is
refused.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import SegadvError
from .bound_chain import BoundTransform, Space
from .windowless import Windowless

# Types of numbers that hold what a float32 image holds.
WIDE = ("float32", "float64")
# MONAI's own readers, all of which give the same pixels on the same axes by default.
READERS = {"itk", "nibabel", "numpy", "pil", "pydicom", "nrrd"}
# Arguments that say where, how or whether, and nothing of the pixels.
NEVER = frozenset(
    {
        *("keys", "allow_missing_keys", "meta_keys", "meta_key_postfix", "device", "lazy"),
        *("overwriting", "image_only", "simple_keys", "prune_meta_pattern", "prune_meta_sep"),
        *("expanduser", "ensure_channel_first", "strict_check", "data_type", "wrap_sequence"),
        *("non_blocking", "names", "times", "sep", "use_re", "start_coord_key", "end_coord_key"),
        *("series_meta", "prune_metadata", "to_gpu"),
    }
)


def _channels(value: Any, _: Mapping[str, Any]) -> bool:
    # The image's own channels are its last axis.
    return value in (None, "no_channel", -1, 2, 3)


def _reader(value: Any, _: Mapping[str, Any]) -> bool:
    if value is None:
        return True
    return isinstance(value, str) and value.lower().removesuffix("reader") in READERS


def _reversed(value: Any, arguments: Mapping[str, Any]) -> bool:
    # Each reader has its own way to (x, y), which is its default.
    name = str(arguments.get("reader")).lower().removesuffix("reader")
    return (name == "pil" and value is True) or (name == "itk" and value is False)


def _only(*known: Any) -> Callable[[Any, Mapping[str, Any]], bool]:
    return lambda value, _: any(value is one for one in known)


# Arguments of the steps without effect, each with a test of its values, beside those of NEVER.
OF_LOADERS = {
    "reader": _reader,
    "channel_dim": _channels,
    "as_closest_canonical": _only(False),
    "squeeze_non_spatial_dims": _only(False),
    "affine_lps_to_ras": _only(True),
    "swap_ij": _only(True),
    "converter": _only(None),
    "reverse_indexing": _reversed,
    "index_order": lambda value, _: value == "F",
}
KNOWN_VALUES: dict[str, dict[str, Callable[[Any, Mapping[str, Any]], bool]]] = {
    "LoadImage": OF_LOADERS,
    "EnsureChannelFirst": {"channel_dim": _channels},
    "AsChannelFirst": {"channel_dim": _channels},
    "EnsureType": {"track_meta": _only(None, True, False)},
    "ToTensor": {"track_meta": _only(None, True, False)},
    "CastToType": {},
    "AddChannel": {},
}
# Steps that need the image's place, which `track_meta: false` throws away.
PLACED = frozenset({"Orientation", "Spacing"})


@dataclass(frozen=True)
class Stored(Windowless):
    """An image that becomes whole numbers, or others with fewer digits: refused if one changes.

    Attributes:
        step: the transform's name, for messages.
        dtype: numpy's name of the numbers' type.
    """

    step: str
    dtype: str

    @property
    def name(self) -> str:
        return self.step

    @property
    def arguments(self) -> Mapping[str, Any]:
        return {"dtype": self.dtype}

    def exactly(self) -> "Stored":
        """Return the same: it changes no value."""
        return self

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        """Check that an image (C, *S) is the same in these numbers.

        Raises:
            SegadvError: if it is not.
        """
        values = image.detach().cpu().numpy()
        with np.errstate(invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            same = values.astype(self.dtype).astype(values.dtype) == values
        if not same.all():
            off = values[~same].flat[0]
            raise SegadvError(
                f"preprocessing step {self.step} turns the image into {self.dtype}, which can't "
                f"hold its value {off:g}; use an image of the kind the model was made for"
            )
        return BoundTransform(lambda x: x, lambda z, way: z), image, space


def of_key(value: Any, place: int) -> Any:
    """Return an argument for one of a step's keys, if it is a list with one for each."""
    return value[place] if isinstance(value, (list, tuple)) and place < len(value) else value


def checked(plain: str, arguments: Mapping[str, Any], place: int) -> str | None:
    """Check the arguments of a step without effect.

    Args:
        plain: the step's name.
        arguments: what it is given.
        place: of the image among the step's keys.

    Returns:
        The type of numbers that it turns the image into, if that can change a value; else None.

    Raises:
        SegadvError: if an argument may change pixels.
    """
    known = KNOWN_VALUES.get(plain)
    if known is None:
        return None
    dtype = None
    for name, value in arguments.items():
        if name == "dtype":
            dtype = dtype_name(of_key(value, place))
            if dtype is None and plain == "LoadImage":
                raise _refused(plain, name, value)
        elif name not in NEVER and not (name in known and known[name](value, arguments)):
            raise _refused(plain, name, value)
    return None if dtype in (None, *WIDE) else dtype


def _refused(plain: str, name: str, value: Any) -> SegadvError:
    text = str(value) if len(str(value)) <= 60 else f"{str(value)[:60]}..."
    return SegadvError(
        f"preprocessing step {plain}: {name} = {text} may change pixels, which is not reproduced "
        f"here; remove {name} if the model does not need it"
    )


def check_wide(plain: str, arguments: Mapping[str, Any], place: int) -> None:
    """Refuse a step whose result has fewer digits than ours.

    Raises:
        SegadvError: if it has.
    """
    value = of_key(arguments.get("dtype", "float32"), place)
    if dtype_name(value) not in WIDE:
        raise SegadvError(
            f"preprocessing step {plain}: its result is of the type {value}, which rounds it or "
            "cuts it off; leave dtype out"
        )


def check_whole(plain: str, arguments: Mapping[str, Any], dtype: str) -> None:
    """Refuse a step whose arithmetic on whole numbers may not be ours.

    Raises:
        SegadvError: if it is any but one that makes fractions of them at once.
    """
    low = arguments.get("a_min")
    if plain == "ScaleIntensityRange" and (isinstance(low, float) or low == 0):
        return
    raise SegadvError(
        f"preprocessing step {plain} computes with {dtype} numbers, which may round or overflow; "
        "put EnsureTyped with dtype float32 before it"
    )


def dtype_name(kind: Any) -> str | None:
    """Return the name of a number's type that MONAI takes, such as "float32"."""
    if kind is None:
        return None
    text = str(kind).removeprefix("torch.")
    try:
        return np.dtype(text if isinstance(kind, str | torch.dtype) else kind).name
    except TypeError:
        raise SegadvError(f"dtype {text} is no type of numbers; use torch.float32") from None
