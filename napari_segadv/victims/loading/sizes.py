"""Sizes that a configuration asks for: checked before a network takes any memory."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_module_registration_hook
from torch.overrides import TorchFunctionMode

from ...errors import SegadvError

# No network has a larger size, more modules, or so many more weights than its file.
LARGEST, MOST_MODULES, SLACK = 1 << 20, 10_000, 1.5
# Functions by which layers make their weights.
MAKERS = frozenset({torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn})


def check_numbers(value: Any, source: Path) -> None:
    """Refuse whole numbers of which no configuration of a network has any.

    Raises:
        SegadvError: if there is one.
    """
    found = [value]
    while found:
        one = found.pop()
        if isinstance(one, Mapping):
            found += one.values()
        elif isinstance(one, list):
            found += one
        elif isinstance(one, int) and abs(one) > LARGEST:
            raise SegadvError(f"{source}: holds the number {one}, too large for any network")


def check_size(build: Callable[[], nn.Module], weights: Mapping[str, Tensor], path: Path) -> None:
    """Build a network without memory, and compare its size with that of its weights.

    Raises:
        SegadvError: if it is far larger.
    """
    thread, left = threading.get_ident(), [MOST_MODULES]

    def count(*_: Any) -> None:
        left[0] -= threading.get_ident() == thread
        if left[0] < 0:
            raise SegadvError(f"{path}: its network would have more than {MOST_MODULES} layers")

    counting = register_module_module_registration_hook(count)
    try:
        asked = _asked(build)
    finally:
        counting.remove()
    held = sum(weight.numel() for weight in weights.values())
    if asked > SLACK * held:
        raise SegadvError(
            f"{path}: its network would have {asked} weights, but the file holds {held}; correct "
            "its arguments"
        )


class _EmptyWeights(TorchFunctionMode):
    """Makes weights without memory, but computes ranges of numbers."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in MAKERS and kwargs.get("device") is None:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def _asked(build: Callable[[], nn.Module]) -> int:
    """Return how many weights a network has, built without memory."""
    try:
        with torch.device("meta"):
            return sum(weight.numel() for weight in build().parameters())
    except RuntimeError as error:
        # Some take numbers out of tensors: then those are computed.
        if "meta tensor" not in str(error):
            raise
    with _EmptyWeights():
        return sum(weight.numel() for weight in build().parameters())
