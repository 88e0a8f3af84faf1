"""What is seen under each caption: told from napari's list of layers and its grid, not from us."""

from collections.abc import Sequence

from napari.components import ViewerModel
from napari.layers import Image, Layer

# Ways to blend that let nothing shine through at full opacity.
COVERING = ("opaque", "translucent", "translucent_no_depth")


def seen(layer: Layer) -> bool:
    """Return whether a layer is drawn."""
    return bool(layer.visible) and float(layer.opacity) > 0


def tiles(viewer: ViewerModel) -> dict[tuple[int, int], list[Layer]]:
    """Return the visible layers in each tile of napari's grid, bottom to top; (0, 0): all, if it
    is off. napari gives invisible layers no place."""
    found: dict[tuple[int, int], list[Layer]] = {}
    for index, layer in enumerate(viewer.layers):
        if layer.visible:
            at = viewer.canvas.grid.position(index, viewer.layers)
            found.setdefault(at, []).append(layer)
    return found


def in_view(viewer: ViewerModel) -> list[Layer]:
    """Return the layers that are drawn, bottom to top."""
    return [layer for layer in viewer.layers if seen(layer)]


def shows(layers: Sequence[Layer], image: Image) -> bool:
    """Return whether of all images in layers, bottom to top, only this one is seen."""
    images = [layer for layer in layers if isinstance(layer, Image)]
    if not images or images[-1] is not image:
        return False
    covers = float(image.opacity) == 1 and str(image.blending) in COVERING
    return len(images) == 1 or covers
