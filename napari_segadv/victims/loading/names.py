"""What the expressions of a configuration import, and what its targets name."""

import ast
import importlib
import pydoc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import consent
from .bundle_config import Place
from .network import network_class


def check_class(target: Any, source: Path) -> None:
    """Refuse a network whose class is none of MONAI's, if it names one of them by its name alone.

    Raises:
        SegadvError: if there is no such class.
    """
    if not isinstance(target, str) or target.startswith("$"):
        return
    if consent.harmless(target) or (consent.is_short(target) and not _modules_with(target)):
        network_class(target, source)


def _modules_with(name: str) -> list[str]:
    """Return the modules of MONAI that have something of a name."""
    from monai.bundle import ComponentLocator

    found = ComponentLocator().get_component_module_name(name)
    return [found] if isinstance(found, str) else list(found or ())


def located(target: str) -> Any:
    """Return what a target names, by its path or, among MONAI's own, by its name alone."""
    modules = _modules_with(target) if consent.is_short(target) else []
    target = f"{modules[0]}.{target}" if modules else target
    component = pydoc.locate(target)
    if component is None:
        raise ModuleNotFoundError(f"there is no {target}")
    return component


def import_in(raw: str) -> ast.Import | ast.ImportFrom | None:
    """Return the import statement that an expression consists of; None if it is something else."""
    if "import" not in raw or len(raw) > consent.LONGEST_PIECE:
        return None
    try:
        body = ast.parse(raw[1:].strip()).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    first = body[0] if body else None
    return first if isinstance(first, (ast.Import, ast.ImportFrom)) else None


def imports_in(value: Any, place: Place = ()) -> Iterator[tuple[str, tuple[str, Place, str]]]:
    """Yield the names that imports anywhere in a file bind: their text, place and origin."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from imports_in(one, (*place, str(key)))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from imports_in(one, (*place, str(number)))
    elif isinstance(value, str) and value.startswith("$"):
        statement = import_in(value)
        for alias in statement.names if statement is not None else ():
            name = alias.asname or alias.name.partition(".")[0]
            origin = alias.name if alias.asname else name
            if isinstance(statement, ast.ImportFrom):
                origin = f"{statement.module}.{alias.name}"
            yield name, (value, place, origin)


def imported(raw: str, name: str = "") -> Any:
    """Run an import statement; return what it binds to a name, by default to its first one."""
    statement = import_in(raw)
    assert statement is not None
    for alias in statement.names:
        bound = alias.asname or alias.name.partition(".")[0]
        if name in ("", bound):
            if isinstance(statement, ast.ImportFrom):
                return _from_module(statement.module or "", alias.name)
            module = importlib.import_module(alias.name)
            return module if alias.asname else importlib.import_module(bound)
    raise ImportError(f"{raw[1:]} binds no {name}")


def _from_module(module: str, name: str) -> Any:
    found = importlib.import_module(module)
    if not hasattr(found, name):
        return importlib.import_module(f"{module}.{name}")
    return getattr(found, name)
