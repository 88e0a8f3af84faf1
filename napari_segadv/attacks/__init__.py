"""The attacks, by name: each is declared in one module of `methods` and found from there."""

from functools import cache
from typing import Any

from .. import discovery
from ..errors import SegadvError
from . import methods
from .base import Attack, GradientAttack
from .problem import Model, Outcome, Problem, Progress, Run

__all__ = [
    "Attack",
    "GradientAttack",
    "Model",
    "Outcome",
    "Problem",
    "Progress",
    "Run",
    "available",
    "get",
]


@cache
def available() -> dict[str, type[Attack]]:
    """Every declared attack, by its name."""
    found: dict[str, type[Attack]] = {}
    for module in discovery.modules(methods):
        for value in vars(module).values():
            declared = isinstance(value, type) and value.__module__ == module.__name__
            if declared and issubclass(value, Attack) and hasattr(value, "name"):
                found[value.name] = value
    return found


def get(name: str) -> type[Attack]:
    """The attack of a name.

    Raises:
        SegadvError: where there is none.
    """
    try:
        return available()[name]
    except KeyError:
        raise SegadvError(f"method {name}: unknown; there are {', '.join(available())}") from None


def __getattr__(name: str) -> Any:
    """Lets `attacks.PGD` be written for the class that a module of `methods` declares."""
    for attack in available().values() if name[:1].isupper() else ():
        if attack.__name__ == name:
            return attack
    raise AttributeError(f"no attack {name}")
