"""The attacks, by name: each is declared in a module of `methods` and found there."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ..common.discovery import Registry
from . import methods
from .base import Attack, GradientAttack
from .problem import Attacking, Model, Outcome, Problem, Progress, Run

__all__ = [
    "Attack",
    "Attacking",
    "GradientAttack",
    "Model",
    "Outcome",
    "Problem",
    "Progress",
    "Run",
    "available",
    "get",
]


def _attacks_in(module: ModuleType) -> Iterator[tuple[str, type[Attack]]]:
    for value in vars(module).values():
        declared = isinstance(value, type) and value.__module__ == module.__name__
        if declared and issubclass(value, Attack) and hasattr(value, "name"):
            yield value.name, value


METHODS: Registry[type[Attack]] = Registry(
    "method", methods, _attacks_in, group="napari_segadv.attacks"
)


def available() -> dict[str, type[Attack]]:
    """Return every declared attack, by its name."""
    return METHODS.all()


def get(name: str) -> type[Attack]:
    """Return the attack of a name.

    Raises:
        SegadvError: if the name is unknown.
    """
    return METHODS.get(name)


def __getattr__(name: str) -> Any:
    """Make `attacks.PGD` the class of that name that a module of `methods` declares."""
    for attack in available().values() if name[:1].isupper() else ():
        if attack.__name__ == name:
            return attack
    raise AttributeError(f"no attack {name}")
