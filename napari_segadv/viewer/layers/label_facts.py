"""What is known of a labels layer, whoever made it: the names of its classes, and its grid."""

from collections.abc import Iterable

from napari.layers import Labels, Layer

from ...data.scan import Grid, Scan
from .convert import painted
from .names import KEY
from .places import grid_from, matrix_in_mm, same_place


def names_of(layer: Labels) -> dict[int, str]:
    """Return the names of a layer's classes by number, without the background; empty if unknown."""
    if not {"index", "class"} <= set(layer.features.columns):
        return {}
    rows = zip(layer.features["index"], layer.features["class"], strict=True)
    return {int(n): str(name) for n, name in rows if n}


def grid_of(layer: Labels, layers: Iterable[Layer]) -> Grid:
    """Return the grid of a labels layer.

    It is the layer's own if known, else that of an image of the same pixels, else the one that
    the layer's place in the viewer gives.
    """
    shape, known = tuple(painted(layer).shape), layer.metadata.get(KEY)
    if isinstance(known, Grid) and known.shape == shape:
        return known
    for image in layers:
        scan = image.metadata.get(KEY)
        if isinstance(scan, Scan) and scan.grid.shape == shape and same_place(layer, image):
            return scan.grid
    return grid_from(matrix_in_mm(layer), shape)
