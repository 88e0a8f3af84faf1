"""Discovery of what plug-in modules declare, so that adding a file is all it takes."""

import importlib
import logging
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import entry_points
from types import ModuleType
from typing import Generic, TypeVar

from ..errors import SegadvError

T = TypeVar("T")
log = logging.getLogger(__name__)


def modules(package: ModuleType) -> Iterator[ModuleType]:
    """Import and yield the public modules of a package, in alphabetical order."""
    for name in names(package):
        yield importlib.import_module(f"{package.__name__}.{name}")


def names(package: ModuleType) -> list[str]:
    """Return the names of the public modules of a package, without importing them."""
    found = (info.name for info in pkgutil.iter_modules(package.__path__))
    return sorted(name for name in found if not name.startswith("_"))


class Registry(Generic[T]):
    """What the modules of a package declare, by name; collected on first use.

    With a `group`, another distribution can add to it without an edit here: each of its entry
    points in that group names a module that declares the same kind of thing as our modules.

        [project.entry-points."napari_segadv.attacks"]
        fading = "their_package.fading"

    Ours come first. An entry point that can't be imported and a name that is already taken are
    skipped with a warning in the log: a fault in another distribution must not stop the program.

    Args:
        noun: what error messages call one of them.
        package: the package whose modules are searched.
        declared: yields the name and the value of each declaration in a module.
        group: group of entry points; "" if other distributions can't add anything.
    """

    def __init__(
        self,
        noun: str,
        package: ModuleType,
        declared: Callable[[ModuleType], Iterable[tuple[str, T]]],
        group: str = "",
    ) -> None:
        self.noun, self.package, self.declared, self.group = noun, package, declared, group
        self._found: dict[str, T] | None = None

    def all(self) -> dict[str, T]:
        """Return everything that is declared, by name."""
        if self._found is None:
            found: dict[str, T] = {}
            for module in modules(self.package):
                found |= self.declared(module)
            self._add_others(found)
            self._found = found
        return self._found

    def get(self, name: str) -> T:
        """Return what is declared under a name.

        Raises:
            SegadvError: if the name is unknown.
        """
        known = self.all()
        if name not in known:
            raise SegadvError(f"{self.noun} {name}: unknown; use one of {', '.join(known)}")
        return known[name]

    def forget(self) -> None:
        """Search the modules again on the next use."""
        self._found = None

    def _add_others(self, found: dict[str, T]) -> None:
        for entry in entry_points(group=self.group) if self.group else ():
            where = f"{entry.name} ({entry.value})"
            try:
                others = dict(self.declared(importlib.import_module(entry.module)))
            except Exception as error:  # noqa: BLE001 - their code may raise anything
                log.warning("%s %s can't be loaded: %r", self.noun, where, error)
                continue
            if not others:
                log.warning("%s %s declares none", self.noun, where)
            for name, value in others.items():
                if name in found:
                    log.warning("%s %s: %s is taken, so it is skipped", self.noun, where, name)
                else:
                    found[name] = value
