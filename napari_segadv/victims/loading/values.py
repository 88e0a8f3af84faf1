"""Values of a bundle's configuration: what of them is code, components, or neither."""

from collections.abc import Iterator, Mapping
from typing import Any

from .expressions import Component


class Code(str):
    """Text of an expression that has not been evaluated, or a component that is not built."""


def transforms_in(part: Any) -> list[Any]:
    """Return the transforms in a part that composes them, as data."""
    listed = part.get("transforms", []) if isinstance(part, Mapping) else part
    if not isinstance(listed, list):
        return [listed] if listed else []
    return listed


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
