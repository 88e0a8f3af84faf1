"""Brings a structure of a labels layer into view: its largest slice, and the camera on it."""

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from ...data.scan import Array
from ...measures.sizes import Box, Structure, structures, widest
from .convert import painted
from .places import matrix_of
from .slice_place import SlicePlace

# Share of the canvas that a structure fills at most, if the view has to be widened for it.
FILLS = 0.8


def go_to(
    viewer: ViewerModel,
    layer: Labels,
    label: int,
    found: Structure | None = None,
    *,
    only_if_hidden: bool = False,
    labels: Array | None = None,
) -> bool:
    """Show a structure: of a volume the slice in view direction in which it is largest.

    The zoom stays unless the structure is too large for it.

    Args:
        viewer: the viewer.
        layer: the labels.
        label: class number of the structure.
        found: the structure or a part of it as measured; None: measured here, which takes time on
            a volume.
        only_if_hidden: leave the slice alone if it shows the structure, and the camera if it does.
        labels: in which the structure is looked for; None: those that the layer holds.

    Returns:
        Whether the layer has the structure.
    """
    data = painted(layer) if labels is None else labels
    if found is None:
        found = structures(data, only=label).get(label)
    if found is None:
        return False
    dims, box = viewer.dims, found.box
    if not (data[box] == label).any():
        # It has been painted over since it was measured.
        return False
    if data.ndim == 3 and dims.ndisplay == 2:
        along = _through(layer, dims)
        place = SlicePlace.of(layer, dims, along)
        number = place.number(dims)
        if not (only_if_hidden and place.seen(dims) and _on(data, found, along, number)):
            number = widest(data, found, along)
            _move(viewer, layer, place, number, found, along)
        box = _within(box, along, number)
    _look_at(viewer, layer, _box_on(data, found, box), only_if_hidden)
    return True


def shows_any(viewer: ViewerModel, layer: Labels) -> bool:
    """Return whether the slice in view has any structure at all; a view in 3-D shows them all."""
    data = painted(layer)
    if data.ndim != 3 or viewer.dims.ndisplay == 3:
        return bool(data.any())
    along = _through(layer, viewer.dims)
    place = SlicePlace.of(layer, viewer.dims, along)
    return place.seen(viewer.dims) and bool(np.take(data, place.number(viewer.dims), along).any())


def _through(layer: Labels, dims: Any) -> int:
    """Return the axis of a volume that the viewer's slider goes along; 0 if none is."""
    axes = range(layer.ndim)
    return next((axis for axis in axes if SlicePlace.of(layer, dims, axis).seen(dims)), 0)


def _within(box: Box, along: int, number: int) -> Box:
    return (*box[:along], slice(number, number + 1), *box[along + 1 :])


def _on(data: Array, found: Structure, along: int, number: int) -> bool:
    """Return whether a structure has pixels on a slice."""
    inside = found.box[along].start <= number < found.box[along].stop
    return inside and bool((data[_within(found.box, along, number)] == found.label).any())


def _box_on(data: Array, found: Structure, box: Box) -> Array:
    """Return the first and the last pixel (2, ndim) of a structure within a box."""
    places = np.argwhere(data[box] == found.label) + [side.start for side in box]
    return np.array([places.min(0), places.max(0)], float)


def _move(
    viewer: ViewerModel,
    layer: Labels,
    place: SlicePlace,
    number: int,
    found: Structure,
    along: int,
) -> None:
    """Move the sliders to a slice, and those of the axes in view to the middle of the structure.

    A crosshair lies there then, and so does the slice that is seen after the view is turned.
    """
    dims = viewer.dims
    place.show(dims, number)
    middle = [(side.start + side.stop - 1) / 2 for side in found.box]
    middle[along] = number
    world = layer.data_to_world(middle)
    first = dims.ndim - layer.ndim
    for axis in range(first, dims.ndim):
        if axis != place.axis:
            dims.set_point(axis, float(world[axis - first]))


def _look_at(viewer: ViewerModel, layer: Labels, ends: Array, only_if_hidden: bool) -> None:
    """Move the camera to a box of pixels, given by its ends (2, ndim)."""
    dims, camera = viewer.dims, viewer.scene.camera
    first = dims.ndim - layer.ndim
    shown = [axis - first for axis in dims.displayed]
    if min(shown) < 0:
        return
    matrix = matrix_of(layer)
    # A pixel reaches half a pixel beyond its centre.
    low, high = ends[0] - 0.5, ends[1] + 0.5
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(layer.ndim, -1)
    world = (matrix[:-1, :-1] @ corners + matrix[:-1, -1:])[shown]
    middle, size = (world.max(1) + world.min(1)) / 2, np.ptp(world, axis=1)
    if dims.ndisplay == 3:
        camera.center = tuple(middle)
        return
    canvas = np.asarray(viewer.canvas.viewbox_size(viewer.layers), float)
    view = canvas / camera.zoom
    away = np.abs(middle - np.asarray(camera.center)[-2:])
    if only_if_hidden and (away < (view + size) / 2).all():
        return
    camera.center = tuple(middle)
    if (size > view).any():
        camera.zoom = float(FILLS * (canvas / size).min())
