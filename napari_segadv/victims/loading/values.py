"""Values of a bundle's configuration: what of them is code, components, or neither."""

from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import SegadvError
from ..preprocessing.chain import plain_name
from .bundle_config import arguments_of
from .expressions import Component


class Code(str):
    """Text of an expression that has not been evaluated, or a component that is not built."""


COMPOSE = "Compose"
# Arguments of it that make no difference to a dictionary, and those that must not be set.
OF_COMPOSE = frozenset({"transforms", "map_items", "unpack_items", "log_stats", "overrides"})
LAZY = "lazy"


def transforms_in(part: Any) -> list[Any]:
    """Return the transforms in a part, as data: one, a list, or those of a `Compose`.

    Raises:
        SegadvError: if it composes them in a way that is not reproduced.
    """
    if isinstance(part, (list, tuple)):
        return [one for each in part for one in transforms_in(each)]
    if not isinstance(part, Mapping):
        return [] if part is None else [part]
    if not part:
        return []
    if not isinstance(part.get(LAZY, False), Code) and part.get(LAZY):
        raise SegadvError(
            "lazy transforms resample once for several steps, which is not reproduced here; set "
            '"lazy" to false'
        )
    if plain_name(str(part.get("_target_")), {COMPOSE}) != COMPOSE:
        return [part]
    odd = next((name for name in arguments_of(part) if name not in {*OF_COMPOSE, LAZY}), None)
    if odd is not None:
        raise SegadvError(f"argument {odd} of {COMPOSE} is not known; remove it")
    return transforms_in(part.get("transforms", []))


def is_true(value: Any) -> bool:
    """Return whether a value, or its text, says yes; what has not been evaluated does not."""
    if isinstance(value, Code):
        return False
    return value.lower().strip() == "true" if isinstance(value, str) else bool(value)


def holds_code(value: Any) -> bool:
    """Return whether something in a value has not been evaluated."""
    if isinstance(value, Mapping):
        return any(map(holds_code, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(holds_code, value))
    return isinstance(value, Code)


def literals(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a value that hold no code, each with its place."""
    if not holds_code(value):
        yield place, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from literals(one, f"{place}::{key}")
    elif isinstance(value, (list, tuple)):
        for number, one in enumerate(value):
            yield from literals(one, f"{place}::{number}")


def holds_components(value: Any) -> bool:
    """Return whether a value is a component that is left as data, or holds one."""
    if isinstance(value, Mapping):
        return isinstance(value, Component) or any(map(holds_components, value.values()))
    return isinstance(value, (list, tuple)) and any(map(holds_components, value))


def holds_loose_code(value: Any) -> bool:
    """Return whether something in a value has not been evaluated, beside what components hold."""
    if isinstance(value, Component):
        return False
    if isinstance(value, Mapping):
        return any(map(holds_loose_code, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(holds_loose_code, value))
    return isinstance(value, Code)
