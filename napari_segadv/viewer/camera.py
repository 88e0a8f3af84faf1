"""What fits the canvas: asked of napari's camera, which is left as it is."""

from collections.abc import Sequence

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer


def fitted_zoom(viewer: ViewerModel, layers: Sequence[Layer] | None = None) -> float:
    """The zoom at which layers, or all of them, fill the canvas."""
    camera = viewer.scene.camera
    centre, zoom = camera.center, camera.zoom
    viewer.fit_to_view(layers=layers)
    fitted = float(camera.zoom)
    camera.center, camera.zoom = centre, zoom
    return fitted


def all_in_sight(viewer: ViewerModel) -> bool:
    """Whether the view is the one that shows everything: nobody has zoomed."""
    return len(viewer.layers) > 0 and bool(
        np.isclose(fitted_zoom(viewer), viewer.scene.camera.zoom)
    )
