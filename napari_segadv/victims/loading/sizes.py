"""Sizes that a configuration asks for: checked before a network takes any memory."""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_module_registration_hook
from torch.overrides import TorchFunctionMode

from ...errors import SegadvError

# No network has a larger size, more modules, or so many more weights than its file.
LARGEST, MOST_MODULES, SLACK = 1 << 20, 10_000, 1.5
# Weights that every network may have, and arguments of their makers that say nothing of the size.
SMALL, UNSIZED = 1 << 20, frozenset({"device", "generator", "pin_memory", "out"})
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
        elif isinstance(one, (list, tuple)):
            found += one
        elif isinstance(one, int) and abs(one) > LARGEST:
            raise SegadvError(f"{source}: holds the number {one}, too large for any network")


def check_size(build: Callable[[], nn.Module], weights: Mapping[str, Tensor], path: Path) -> None:
    """Build a network without memory, and compare its size with that of its weights.

    Raises:
        SegadvError: if it is far larger.
    """
    with _few_layers(path):
        asked = _asked(build)
    # A view may show a small memory as any number of weights.
    memories = {one.untyped_storage().data_ptr(): one.untyped_storage() for one in weights.values()}
    held = sum(weight.numel() for weight in weights.values())
    held = min(held, sum(one.nbytes() for one in memories.values()))
    if asked > SLACK * held:
        raise SegadvError(
            f"{path}: its network would have {asked} weights, but the file holds {held}; correct "
            "its arguments"
        )


@contextmanager
def within(held: int, path: Path) -> Iterator[None]:
    """Let a network be built only as large as the files that hold its weights.

    Args:
        held: how many bytes they have.
        path: of the file that describes the network, for messages.

    Raises:
        SegadvError: if it would have far more weights, or far more layers than any network.
    """
    with _few_layers(path), _Counted(max(SMALL, int(SLACK * held)), path):
        yield


@contextmanager
def _few_layers(path: Path) -> Iterator[None]:
    thread, left = threading.get_ident(), [MOST_MODULES]

    def count(*_: Any) -> None:
        left[0] -= threading.get_ident() == thread
        if left[0] < 0:
            raise SegadvError(f"{path}: its network would have more than {MOST_MODULES} layers")

    counting = register_module_module_registration_hook(count)
    try:
        yield
    finally:
        counting.remove()


class _Counted(TorchFunctionMode):
    """Counts the weights of a network before each of them takes memory.

    Args:
        most: how many it may have; also the most elements of what it computes for itself.
        path: for messages.
    """

    def __init__(self, most: int, path: Path) -> None:
        super().__init__()
        self._left, self._most, self._path = most, most, path

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in MAKERS and kwargs.get("out") is None:
            plain = {key: one for key, one in kwargs.items() if key not in UNSIZED}
            self._left -= func(*args, **plain, device="meta").numel()
        shapes = [one.shape for one in args if isinstance(one, Tensor)]
        if self._left < 0 or (len(shapes) == 2 and _joined(*shapes) > self._most):
            raise SegadvError(
                f"{self._path}: its network would be far larger than the weights that there are; "
                "correct its arguments"
            )
        return func(*args, **kwargs)


def _joined(one: torch.Size, other: torch.Size) -> int:
    """Return how many elements two tensors make together, each with each; 0 if they don't fit."""
    try:
        return math.prod(torch.broadcast_shapes(one, other))
    except RuntimeError:
        return 0


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
