"""What a drag over the canvas does besides moving it: another window, or the swipe line."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from napari.components import ViewerModel

from .loan import Loan
from .swipe import Swipe, across
from .window import Window

# Pixels of the screen: over which a window's width doubles, and over which its level moves by as
# much as it is wide; and how near the swipe line is taken hold of.
DOUBLING, SPAN, NEAR = 150.0, 300.0, 12.0
LEFT, RIGHT = 1, 2


class Drags:
    """Drags of a viewer by name, each of which takes the place of the last of its name."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._drags: dict[str, Any] = {}

    def set(self, name: str, drag: Any) -> None:
        """Another drag; None: none."""
        old = self._drags.pop(name, None)
        if old is not None:
            self._viewer.mouse_drag_callbacks.remove(old)
        if drag is not None:
            self._drags[name] = drag
            self._viewer.mouse_drag_callbacks.append(drag)

    def close(self) -> None:
        """Takes all of them away."""
        for name in list(self._drags):
            self.set(name, None)


def dragged(
    limits: tuple[float, float], start: Sequence[float], now: Sequence[float]
) -> tuple[float, float]:
    """Level and width of a window after a drag: across for the width, up and down for the level.

    Args:
        limits: the window's when the drag began.
        start, now: places on the screen in pixels, (x, y).
    """
    low, high = limits
    level = (low + high) / 2 + (start[1] - now[1]) / SPAN * (high - low)
    return level, (high - low) * 2.0 ** ((now[0] - start[0]) / DOUBLING)


def drag_window(viewer: ViewerModel, window: Window) -> Callable[[Any, Any], Any]:
    """A drag to the right widens the window, one up raises its level."""

    def drag(_: Any, event: Any) -> Iterator[None]:
        if window.limits is None or event.button not in (LEFT, RIGHT) or not _free(viewer):
            return
        limits, start = window.limits, tuple(event.pos[:2])
        with _still(viewer):
            yield
            while event.type == "mouse_move":
                window.set(*dragged(limits, start, event.pos))
                event.handled = True
                yield

    return drag


def drag_line(
    viewer: ViewerModel, swipe: Swipe, moved: Callable[[float], None]
) -> Callable[[Any, Any], Any]:
    """A drag that begins at the swipe line takes the line along; `moved` gets its new share."""

    def drag(_: Any, event: Any) -> Iterator[None]:
        line = swipe.world()
        if line is None or event.button != LEFT or not _free(viewer):
            return
        row = across(viewer, swipe.pair.clean)[0] + viewer.dims.ndim - swipe.pair.clean.ndim
        if abs(event.position[row] - line) * viewer.scene.camera.zoom > NEAR:
            return
        with _still(viewer):
            yield
            while event.type == "mouse_move":
                moved(swipe.share_at(event.position))
                event.handled = True
                yield

    return drag


def _free(viewer: ViewerModel) -> bool:
    """Whether the active layer leaves drags to the viewer: painting goes first."""
    active = viewer.layers.selection.active
    return active is None or str(getattr(active, "mode", "pan_zoom")) == "pan_zoom"


@contextmanager
def _still(viewer: ViewerModel) -> Iterator[None]:
    """The camera does not move meanwhile."""
    loan = Loan()
    try:
        for name in ("mouse_pan", "mouse_zoom"):
            loan.set(viewer.scene.camera, name, False)
        yield
    finally:
        loan.give_back()
