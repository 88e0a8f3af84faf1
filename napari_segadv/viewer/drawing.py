"""Lets a layer's graphics be freed where they belong, so that taking layers away is safe."""

import contextlib
from typing import Any

from napari.components import ViewerModel


def keep_current(viewer: ViewerModel) -> None:
    """Makes the canvas's graphics context the current one before a layer goes.

    napari 0.9 frees what a layer held in whichever context is current, which outside of drawing
    need not be the canvas's; the process may then end in the middle of a later frame. A viewer
    without a window needs nothing.
    """

    def going(event: Any) -> None:
        # napari's own: there is no public way to a canvas.
        with contextlib.suppress(AttributeError, RuntimeError):
            viewer.window._qt_viewer.canvas.native.makeCurrent()

    viewer.layers.events.removing.connect(going)
