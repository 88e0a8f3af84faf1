"""Finds what plug-in modules declare, so that adding something is adding a file."""

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
    """Imports and yields the public modules of a package, in alphabetical order."""
    for name in names(package):
        yield importlib.import_module(f"{package.__name__}.{name}")


def names(package: ModuleType) -> list[str]:
    """The names of the public modules of a package, without importing them."""
    found = (info.name for info in pkgutil.iter_modules(package.__path__))
    return sorted(name for name in found if not name.startswith("_"))


class Registry(Generic[T]):
    """What the modules of a package declare, by name; found when it is first asked for.

    With a `group` another distribution adds to it, without an edit here: each of its entry points
    in that group names a module that declares the same as one of ours.

        [project.entry-points."napari_segadv.attacks"]
        fading = "their_package.fading"

    Ours come first. An entry point that can't be imported, or that declares a name which is
    taken, is left out with a warning in the log: somebody else's fault must not stop the program.

    Args:
        noun: what one of them is called in an error.
        package: whose modules are looked through.
        declared: yields what a module declares, each with its name.
        group: of entry points; "" if nobody else can add anything.
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
        """Everything that is declared, by name."""
        if self._found is None:
            found: dict[str, T] = {}
            for module in modules(self.package):
                found |= self.declared(module)
            self._add_others(found)
            self._found = found
        return self._found

    def get(self, name: str) -> T:
        """What is declared under a name.

        Raises:
            SegadvError: if nothing is.
        """
        known = self.all()
        if name not in known:
            raise SegadvError(f"{self.noun} {name}: unknown; there are {', '.join(known)}")
        return known[name]

    def forget(self) -> None:
        """Looks through the modules again when it is next asked."""
        self._found = None

    def _add_others(self, found: dict[str, T]) -> None:
        for entry in entry_points(group=self.group) if self.group else ():
            where = f"{entry.name} ({entry.value})"
            try:
                others = dict(self.declared(importlib.import_module(entry.module)))
            except Exception as error:  # noqa: BLE001 - whatever another's code raises on import
                log.warning("%s %s can't be loaded: %r", self.noun, where, error)
                continue
            if not others:
                log.warning("%s %s declares none", self.noun, where)
            for name, value in others.items():
                if name in found:
                    log.warning("%s %s: %s is taken, so it is left out", self.noun, where, name)
                else:
                    found[name] = value
