"""Shows patients as a reading room does: head up in coronal and sagittal planes, left on the right.

napari draws every axis downwards and to the right, which is right for axial slices only.
"""

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from ...data.scan import Grid, Scan
from .names import KEY

# Where a grid's patient axes (to the head, to the back, to the left) go on the screen, if they run
# along its vertical or its horizontal axis.
VERTICAL = ("up", "down", None)
HORIZONTAL = (None, "right", "right")
OPPOSITE = {"up": "down", "down": "up", "right": "left", "left": "right"}


def keep_upright(viewer: ViewerModel) -> None:
    """Turn the view whenever the displayed axes or the image change."""

    def turn(event: Any = None) -> None:
        grid = grid_in(viewer)
        if grid is not None and viewer.dims.ndisplay == 2:
            viewer.scene.camera.orientation2d = orientation(
                grid, [axis - viewer.dims.ndim for axis in viewer.dims.displayed]
            )

    def flat(event: Any) -> None:
        if viewer.dims.ndisplay == 3 and grid_in(viewer) is not None:
            viewer.scene.camera.orientation2d = ("down", "right")
        else:
            turn()

    viewer.dims.events.order.connect(turn)
    viewer.dims.events.ndisplay.connect(flat)
    for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
        event.connect(turn)
    turn()


def grid_in(viewer: ViewerModel) -> Grid | None:
    """Return the grid of the lowest volume of a patient in a viewer, if there is one."""
    for layer in viewer.layers:
        scan = layer.metadata.get(KEY)
        shown = isinstance(layer, Image) and isinstance(scan, Scan)
        if shown and scan.grid.physical and scan.grid.ndim == 3:
            grid: Grid = scan.grid
            return grid
    return None


def orientation(grid: Grid, displayed: list[int]) -> tuple[str, str]:
    """Return where the displayed axes go on the screen, vertically and horizontally.

    Args:
        grid: of a volume.
        displayed: the axis down and the one across, counted from the last (-1).
    """
    # A volume shown by its affine lies along the patient's axes, a turned one along its own.
    axes = grid.direction if grid.turned else np.eye(3)
    found = []
    for axis, ways, usual in zip(
        displayed[-2:], (VERTICAL, HORIZONTAL), ("down", "right"), strict=True
    ):
        along = axes[:, axis] if axis >= -3 else np.zeros(3)
        patient = int(np.abs(along).argmax())
        way = ways[patient]
        if way is None or not along.any():
            found.append(usual)
        else:
            found.append(way if along[patient] > 0 else OPPOSITE[way])
    return found[0], found[1]
