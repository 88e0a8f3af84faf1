"""Lets a layer's graphics be freed where they belong, so that taking layers away is safe."""

import contextlib
from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel


def keep_current(viewer: ViewerModel, shown: Callable[[], Any]) -> None:
    """Makes the canvas's graphics context the current one before a layer goes.

    napari 0.9 frees what a layer held in whichever context is current, which outside of drawing
    need not be the canvas's; what another canvas draws may then be gone, and the process may end in
    the middle of a later frame. A viewer without a window needs nothing.

    Args:
        viewer: the model.
        shown: gives the QtViewer that shows it; AttributeError where there is none.
    """

    def going(event: Any) -> None:
        with contextlib.suppress(AttributeError, RuntimeError):
            shown().canvas.native.makeCurrent()

    viewer.layers.events.removing.connect(going)
