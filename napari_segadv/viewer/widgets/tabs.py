"""The panels of this package, found by their place: `viewer/NAME/panel.py`."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from qtpy.QtWidgets import QWidget


@dataclass(frozen=True)
class Tab:
    """A panel's tab in the workbench. The panel's module declares it as TAB; without, it has none.

    Attributes:
        short: the tab's title, as short as can be.
        place: tabs stand in the order of these numbers, which is that of the work.
        panel: the panel.
    """

    short: str
    place: float
    panel: type[QWidget]


def panel_modules() -> Iterator[ModuleType]:
    """Import and yield the module of each panel, in alphabetical order."""
    viewer = importlib.import_module(str(__package__).rpartition(".")[0])
    for folder in pkgutil.iter_modules(viewer.__path__):
        name = f"{viewer.__name__}.{folder.name}.panel"
        if folder.ispkg and importlib.util.find_spec(name) is not None:
            yield importlib.import_module(name)


def all_tabs() -> tuple[tuple[str, str, type[QWidget]], ...]:
    """Return the title of each tab, of its panel as a dock, and the panel, in order."""
    found = [
        (module.TAB, str(module.TITLE))
        for module in panel_modules()
        if isinstance(getattr(module, "TAB", None), Tab)
    ]
    found.sort(key=lambda each: each[0].place)
    return tuple((tab.short, title, tab.panel) for tab, title in found)
