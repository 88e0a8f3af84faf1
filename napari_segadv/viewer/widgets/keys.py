"""Keys of the panels: declared beside each panel, bound to the viewer, listed by the help."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from napari.components import ViewerModel

from .tabs import panel_modules


@dataclass(frozen=True)
class Key:
    """A key of a panel. The module `panel` of a folder in `viewer` lists its own as KEYS.

    Attributes:
        key: as napari spells it, "Shift-B" for one.
        does: what happens, for the help and the docs.
        method: of the panel. A generator is resumed when the key is released.
        arguments: that it is called with.
    """

    key: str
    does: str
    method: str
    arguments: tuple[Any, ...] = ()

    def act(self, panel: Any) -> Any:
        """Call the method."""
        return getattr(panel, self.method)(*self.arguments)


def bind(viewer: ViewerModel, panel: Any, keys: Sequence[Key]) -> Callable[[], None]:
    """Bind a panel's keys, over napari's own; return a function that unbinds them."""

    def handler(key: Key) -> Callable[[Any], Any]:
        if not inspect.isgeneratorfunction(getattr(panel, key.method)):
            return lambda viewer: key.act(panel)

        # napari resumes a handler only if it is a generator function itself.
        def held(viewer: ViewerModel) -> Iterator[None]:
            yield from key.act(panel)

        return held

    bound = {key.key: handler(key) for key in keys}
    # Of a second panel of one kind, which the workbench closes at once: the first keeps its keys.
    before = {key: viewer.bind_key(key, act, overwrite=True) for key, act in bound.items()}

    def unbind() -> None:
        for key, act in bound.items():
            now = viewer.bind_key(key, None, overwrite=True)
            other = before[key] if now is act else now
            if other is not None:
                viewer.bind_key(key, other, overwrite=True)

    return unbind


def all_keys() -> dict[str, tuple[Key, ...]]:
    """Return the keys of every panel, by the panel's title."""
    panels = [panel for panel in panel_modules() if getattr(panel, "KEYS", ())]
    return {str(panel.TITLE): tuple(panel.KEYS) for panel in panels}
