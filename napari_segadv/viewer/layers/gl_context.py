"""Lets a layer's graphics be freed in the right context, so that removing layers is safe."""

import contextlib
from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel


def keep_current(viewer: ViewerModel, shown: Callable[[], Any]) -> None:
    """Make the canvas's graphics context current before a layer is removed.

    napari 0.9 frees a layer's graphics in whichever context is current, which between two frames
    need not be the canvas's. Then graphics of another canvas may be freed, and the process may
    crash in a later frame. A viewer without a window needs nothing.

    Args:
        viewer: the model.
        shown: returns the QtViewer that shows it; raises AttributeError if there is none.
    """

    def going(event: Any) -> None:
        with contextlib.suppress(AttributeError, RuntimeError):
            shown().canvas.native.makeCurrent()

    viewer.layers.events.removing.connect(going)
