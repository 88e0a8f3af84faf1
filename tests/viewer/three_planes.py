"""A patient whose sides can be told apart, and what tests see of it in three planes."""

import numpy as np
from clicks import click, drained, drawn, steady
from qtpy.QtCore import QPoint

from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.views.tools import ViewTools

# Of the array's axes by turns, the patient's axis (to the head, to the back, to the left) that
# each goes along, and whether forwards.
STORED = {
    "ordinary": ((0, 1), (1, 1), (2, 1)),
    "feet last": ((0, -1), (1, 1), (2, 1)),
    "flipped": ((0, -1), (1, -1), (2, -1)),
    "sagittal": ((2, 1), (0, 1), (1, 1)),
    "sagittal, head across": ((2, -1), (1, 1), (0, -1)),
    "coronal": ((1, -1), (0, -1), (2, -1)),
}
SHAPE = (24, 30, 36)
# Marks at the patient's head, back and left, in HU.
HEAD, BACK, LEFT = 400, 700, 1000
LETTERS = {
    "axial": ("A", "P", "R", "L"),
    "coronal": ("H", "F", "R", "L"),
    "sagittal": ("H", "F", "A", "P"),
}


def patient(how="ordinary", spacing=(2.0, 1.0, 1.0)):
    """Air, with three marks that lie in the planes through the middle."""
    body = np.full(SHAPE, -100, np.int16)
    z, y, x = (size // 2 for size in SHAPE)
    body[-6:-1, y - 3 : y + 3, x - 3 : x + 3] = HEAD
    body[z - 3 : z + 3, -7:-1, x - 3 : x + 3] = BACK
    body[z - 3 : z + 3, y - 3 : y + 3, -7:-1] = LEFT
    axes, ways = zip(*STORED[how], strict=True)
    array = body.transpose(axes)
    direction = np.zeros((3, 3))
    for axis, (row, way) in enumerate(STORED[how]):
        array = np.flip(array, axis) if way < 0 else array
        direction[row, axis] = way
    sizes = tuple(spacing[axis] for axis in axes)
    grid = Grid(array.shape, sizes, (105.0, -57.0, 31.0), direction)
    return Scan(np.ascontiguousarray(array), grid, "HU", Storage("int16"))


def show(window, scan, name="patient"):
    data, keywords, _ = image_tuple(scan, name)
    return window.add_image(data, **{**keywords, "contrast_limits": (-100, 1000)})


def bench_of(window, qtbot):
    """What is at hand once a panel is docked: the one with the least in it."""
    window.window.add_plugin_dock_widget("napari-segadv", "Runs")
    steady(qtbot, window)
    return ViewTools.of(window)


def opened(window, qtbot, bench):
    """Opens the views by a click, and waits until they have their places."""
    click(qtbot, bench.bar.orthogonal)
    assert bench.views.shown
    settled(window, qtbot, bench)
    return {pane.plane.name: pane for pane in bench.views.panes}


def settled(window, qtbot, bench):
    """Waits until all canvases show what they hold."""
    steady(qtbot, window)
    for pane in bench.views.panes:
        qtbot.waitUntil(pane.isVisible)
        drawn(qtbot, pane.canvas)
    drained(qtbot)


def native(window, pane=None):
    """The widget of a further view, or of the viewer's own canvas."""
    return (window.window._qt_viewer if pane is None else pane).canvas.native


def picture(window, pane=None):
    """The greys of a canvas, without what lies on the glass."""
    if pane is None:
        return window.screenshot(canvas_only=True, flash=False)[..., 0].astype(int)
    return pane.screenshot(flash=False)[..., 0].astype(int)


def seen_at(grey, value, limits=(-100, 1000)):
    """Where a value is seen, from the middle of a picture: (down, right)."""
    low, high = limits
    wanted = 255 * (value - low) / (high - low)
    found = np.argwhere(np.abs(grey - wanted) < 12)
    assert len(found) > 20, f"{value} is not seen"
    return found.mean(axis=0) - np.array(grey.shape) / 2


def pixel_of(glass, layer, index):
    """The pixel of a canvas where a voxel of a layer is seen."""
    place = layer.data_to_world(index)
    down, across = glass._model.dims.displayed
    return glass.on_canvas(place[down], place[across]).toPoint()


def beside(point, right=0, down=0):
    return point + QPoint(right, down)
