"""What fits the canvas: measured with napari's camera, which is then restored."""

from collections.abc import Sequence

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer

# A view that nobody has touched is at most this much nearer than a fitted one: napari fits an image
# when it is opened, and its own docks take room from the canvas afterwards.
NEARER = 1.5


def fitted(
    viewer: ViewerModel, layers: Sequence[Layer] | None = None
) -> tuple[tuple[float, ...], float]:
    """Return centre and zoom at which these layers, or all layers, fill the canvas."""
    camera = viewer.scene.camera
    centre, zoom = camera.center, camera.zoom
    viewer.fit_to_view(layers=layers)
    found = camera.center, float(camera.zoom)
    camera.center, camera.zoom = centre, zoom
    return found


def untouched(viewer: ViewerModel) -> bool:
    """Return whether a view is as napari opened it: nobody has moved it or zoomed in."""
    if not viewer.layers:
        return False
    (centre, zoom), camera = fitted(viewer), viewer.scene.camera
    return bool(np.allclose(centre, camera.center)) and camera.zoom <= NEARER * zoom
