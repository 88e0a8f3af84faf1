"""Targets: changes of a label map that an attack should make a victim predict.

Each shape is a function of a Mask and a label. It is found in the module of `shapes` that has its
name: `targets.heart(mask, label=1, size=0.5)`. Each takes `component` too, which restricts it to
one connected part of the structure, see `components`. Of structures that may overlap, it changes
one on its own map, see `overlapping`.
"""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..common import discovery
from ..data.scan import Mask
from . import shapes
from .components import restricted
from .overlapping import each_alone

Shape = Callable[..., Mask]

__all__ = ["Shape", "available", "get"]


def _shape_in(module: ModuleType) -> list[tuple[str, Shape]]:
    name = module.__name__.rsplit(".", 1)[-1]
    both = getattr(module, "overlapping", None)
    return [(name, each_alone(restricted(getattr(module, name)), both))]


SHAPES: discovery.Registry[Shape] = discovery.Registry(
    "target", shapes, _shape_in, group="napari_segadv.targets"
)


def available() -> dict[str, Shape]:
    """Return every declared shape, by its name."""
    return SHAPES.all()


def get(name: str) -> Shape:
    """Return the shape of a name.

    Raises:
        SegadvError: if the name is unknown.
    """
    return SHAPES.get(name)


def for_volumes_only(name: str) -> bool:
    """Return whether a shape is for volumes only: its module then sets VOLUMES_ONLY."""
    return bool(getattr(sys.modules[get(name).__module__], "VOLUMES_ONLY", False))


def __getattr__(name: str) -> Any:
    """Make `targets.heart` the function that the module `shapes.heart` declares."""
    ours = discovery.names(shapes)
    if not name.startswith("_") and (name in ours or name in available()):
        return available()[name]
    raise AttributeError(f"no target shape {name}")
