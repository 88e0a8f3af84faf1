"""Drags on the canvas that change the window or move the swipe line, not the image."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from napari.components import ViewerModel

from .loan import Loan
from .swipe import Swipe, across
from .window import Window

# In pixels of the screen: the drag that doubles a window's width, the drag that moves its level by
# its width, and how near the swipe line a drag has to start to move it.
DOUBLING, SPAN, NEAR = 150.0, 300.0, 12.0
LEFT, RIGHT = 1, 2


class Drags:
    """A viewer's drags by name: a new one replaces the old one of its name."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._drags: dict[str, Any] = {}

    def set(self, name: str, drag: Any) -> None:
        """Set the drag of a name; None removes it."""
        old = self._drags.pop(name, None)
        if old is not None:
            self._viewer.mouse_drag_callbacks.remove(old)
        if drag is not None:
            self._drags[name] = drag
            self._viewer.mouse_drag_callbacks.append(drag)

    def close(self) -> None:
        """Remove all drags."""
        for name in list(self._drags):
            self.set(name, None)


def dragged(
    limits: tuple[float, float], start: Sequence[float], now: Sequence[float]
) -> tuple[float, float]:
    """Return a window's level and width after a drag: across for width, up and down for level.

    Args:
        limits: of the window when the drag began.
        start, now: positions on the screen in pixels, (x, y).
    """
    low, high = limits
    level = (low + high) / 2 + (start[1] - now[1]) / SPAN * (high - low)
    return level, (high - low) * 2.0 ** ((now[0] - start[0]) / DOUBLING)


def drag_window(
    viewer: ViewerModel, window: Window, buttons: Sequence[int] = (LEFT,)
) -> Callable[[Any, Any], Any]:
    """Return a drag callback of some buttons: right widens the window, up raises its level."""

    def drag(_: Any, event: Any) -> Iterator[None]:
        wanted = event.button in buttons and not len(event.modifiers)
        if window.limits is None or not wanted or not free(viewer):
            return
        limits, start = window.limits, tuple(event.pos[:2])
        with still(viewer):
            yield
            while event.type == "mouse_move":
                window.set(*dragged(limits, start, event.pos))
                event.handled = True
                yield

    return drag


def drag_line(
    viewer: ViewerModel, swipe: Swipe, moved: Callable[[float], None]
) -> Callable[[Any, Any], Any]:
    """Return a drag callback that moves the swipe line if started at it; `moved` gets its share."""

    def drag(_: Any, event: Any) -> Iterator[None]:
        line = swipe.world()
        if line is None or event.button != LEFT or not free(viewer):
            return
        row = across(viewer, swipe.pair.clean)[0] + viewer.dims.ndim - swipe.pair.clean.ndim
        if abs(event.position[row] - line) * viewer.scene.camera.zoom > NEAR:
            return
        with still(viewer):
            yield
            while event.type == "mouse_move":
                moved(swipe.share_at(event.position))
                event.handled = True
                yield

    return drag


def free(viewer: ViewerModel) -> bool:
    """Return whether the active layer leaves drags to the viewer: painting goes first."""
    active = viewer.layers.selection.active
    return active is None or str(getattr(active, "mode", "pan_zoom")) == "pan_zoom"


@contextmanager
def still(viewer: ViewerModel) -> Iterator[None]:
    """Keep the camera still meanwhile."""
    loan = Loan()
    try:
        for name in ("mouse_pan", "mouse_zoom"):
            loan.set(viewer.scene.camera, name, False)
        yield
    finally:
        loan.give_back()
