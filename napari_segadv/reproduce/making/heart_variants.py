"""Bortsova 2021, figure 2: the prediction and the noise of a variant, as a picture needs them."""

import base64
import zlib
from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from ...data.scan import Array
from ...io.cases import Case
from ..bench import BORTSOVA_WIDTH, Bench
from ..bortsova import Setting, attacked, target_of

LEVELS = 127


def picture(
    bench: Bench,
) -> Callable[[tuple[str, Setting], Case], Generator[Any, None, dict[str, str]]]:
    """Return a function that makes a cell: labels, and noise in LEVELS steps of the budget."""

    def make(named: tuple[str, Setting], case: Case) -> Generator[Any, None, dict[str, str]]:
        _, setting = named
        labels, _, example = yield from attacked(bench, setting, case, target_of(case, setting.aim))
        units = bench.units(setting.epsilon, BORTSOVA_WIDTH)
        levels = np.rint(LEVELS * example.noise / units).astype(np.int8)
        return {"labels": packed(labels.astype(np.uint8)), "noise": packed(levels)}

    return make


def packed(array: Array) -> str:
    """Return an array of bytes as text."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 9)).decode()


def unpacked(text: str, dtype: type[np.generic], case: Case) -> Array:
    """Return the array (y, x) that `packed` made of."""
    data = zlib.decompress(base64.b64decode(text))
    return np.frombuffer(data, dtype).reshape(case.mask.array.shape)
