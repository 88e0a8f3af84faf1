"""Targets: what a victim shall be made to predict, as changes of a label map.

Each shape is a function of a Mask and a label in a module of `shapes` that bears its name, and
is found from there: `targets.heart(mask, label=1, size=0.5)`.
"""

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from .. import discovery
from ..errors import SegadvError
from ..scan import Mask
from . import shapes

Shape = Callable[..., Mask]

__all__ = ["Shape", "available", "get"]


@cache
def available() -> dict[str, Shape]:
    """Every declared shape, by its name."""
    found: dict[str, Shape] = {}
    for module in discovery.modules(shapes):
        name = module.__name__.rsplit(".", 1)[-1]
        found[name] = getattr(module, name)
    return found


def get(name: str) -> Shape:
    """The shape of a name.

    Raises:
        SegadvError: where there is none.
    """
    try:
        return available()[name]
    except KeyError:
        raise SegadvError(f"target {name}: unknown; there are {', '.join(available())}") from None


def for_volumes_only(name: str) -> bool:
    """Whether a shape makes sense of volumes alone: its module says VOLUMES_ONLY."""
    return bool(getattr(sys.modules[get(name).__module__], "VOLUMES_ONLY", False))


def __getattr__(name: str) -> Any:
    """Lets `targets.heart` be written for the function that a module of `shapes` declares."""
    if not name.startswith("_") and name in discovery.names(shapes):
        return available()[name]
    raise AttributeError(f"no target shape {name}")
