"""Shows patients as a reading room does: head up in coronal and sagittal planes, left on the right.

napari draws every axis downwards and to the right, which is right for axial slices only.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from ...data.scan import Array, Grid, Scan
from .names import KEY

# Where a grid's patient axes (to the head, to the back, to the left) go on the screen, if they run
# along its vertical or its horizontal axis.
VERTICAL = ("up", "down", None)
HORIZONTAL = (None, "right", "right")
USUAL = ("down", "right")
OPPOSITE = {"up": "down", "down": "up", "right": "left", "left": "right"}


def keep_upright(
    viewer: ViewerModel, chosen: Callable[[], Image | None] = lambda: None
) -> Callable[..., None]:
    """Turn the view whenever the displayed axes or the image change.

    Args:
        viewer: the viewer.
        chosen: returns the image that decides; None: the lowest volume of a patient.

    Returns:
        What turns the view, to be called when another image is chosen. The viewer keeps it.
    """
    ours: list[Any] = []

    def turned(event: Any = None) -> None:
        image, camera = chosen(), viewer.scene.camera
        grid = grid_in(viewer) if image is None else grid_of(image)
        if grid is not None and viewer.dims.ndisplay == 2:
            axes = [axis - viewer.dims.ndim for axis in viewer.dims.displayed]
            camera.orientation2d = orientation(grid, axes)
            ours[:] = [camera.orientation2d]
        elif ours and camera.orientation2d == ours.pop():
            # Nothing of the turn of a volume is left, unless the user has turned it since.
            camera.orientation2d = USUAL

    viewer.dims.events.order.connect(turned)
    viewer.dims.events.ndisplay.connect(turned)
    for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
        event.connect(turned)
    turned()
    return turned


def grid_in(viewer: ViewerModel) -> Grid | None:
    """Return the grid of the lowest volume of a patient in a viewer, if there is one."""
    found = (grid_of(layer) for layer in viewer.layers if isinstance(layer, Image))
    return next((grid for grid in found if grid is not None), None)


def grid_of(image: Image) -> Grid | None:
    """Return the grid of an image if it is a volume of a patient."""
    scan = image.metadata.get(KEY)
    if isinstance(scan, Scan) and scan.grid.physical and scan.grid.ndim == 3:
        grid: Grid = scan.grid
        return grid
    return None


def world_axes(grid: Grid) -> Array:
    """Return the patient's directions of napari's axes: column i is that of axis i, in (z, y, x).

    A volume shown by its affine lies along the patient's axes, a turned one along its own.
    """
    return grid.direction if grid.turned else np.eye(3)


def orientation(grid: Grid, displayed: list[int]) -> tuple[str, str]:
    """Return where the displayed axes go on the screen, vertically and horizontally.

    Args:
        grid: of a volume.
        displayed: the axis down and the one across, counted from the last (-1).
    """
    axes = world_axes(grid)
    found = []
    for axis, ways, usual in zip(displayed[-2:], (VERTICAL, HORIZONTAL), USUAL, strict=True):
        along = axes[:, axis] if axis >= -3 else np.zeros(3)
        patient = int(np.abs(along).argmax())
        way = ways[patient]
        if way is None or not along.any():
            found.append(usual)
        else:
            found.append(way if along[patient] > 0 else OPPOSITE[way])
    return found[0], found[1]
