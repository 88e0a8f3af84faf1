"""What fits the canvas: asked of napari's camera, which is left as it is."""

from collections.abc import Sequence

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer

# How much nearer than fitted a view is at most that nobody has touched: napari fits an image when
# it comes, and its own docks take room from the canvas afterwards.
NEARER = 1.5


def fitted(
    viewer: ViewerModel, layers: Sequence[Layer] | None = None
) -> tuple[tuple[float, ...], float]:
    """Centre and zoom at which layers, or all of them, fill the canvas."""
    camera = viewer.scene.camera
    centre, zoom = camera.center, camera.zoom
    viewer.fit_to_view(layers=layers)
    found = camera.center, float(camera.zoom)
    camera.center, camera.zoom = centre, zoom
    return found


def untouched(viewer: ViewerModel) -> bool:
    """Whether a view is as napari opened it: nobody has moved it or zoomed in."""
    if not viewer.layers:
        return False
    (centre, zoom), camera = fitted(viewer), viewer.scene.camera
    return bool(np.allclose(centre, camera.center)) and camera.zoom <= NEARER * zoom
