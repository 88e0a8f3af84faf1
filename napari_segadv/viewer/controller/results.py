"""Results are looked at and not painted on, so that they stay what the model has said."""

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Layer, Shapes

from .shown_layers import ShownLayers

PAINTED = "to paint, press Make target or duplicate the layer"
# In napari's status bar while such a layer is chosen.
HELP = "a result can't be changed: duplicate the layer, or rename it to keep it as your own"


class Results:
    """Lets nobody paint or draw on a viewer's results; who renames one gets it as their own.

    The next result is shown in the same layer, so what was painted there would be lost.
    """

    def __init__(self, viewer: ViewerModel, shown: ShownLayers) -> None:
        self._shown = shown
        # Last: napari writes a help of its own when it adds a layer.
        viewer.layers.events.inserted.connect(self._inserted, position="last")

    def _inserted(self, event: Any) -> None:
        layer = event.value
        if isinstance(layer, (Labels, Shapes)) and self._shown.made(layer):
            self._close(layer)
            layer.events.name.connect(self._renamed)

    def _close(self, layer: Layer) -> None:
        layer.editable = False
        layer.help = HELP

    def _renamed(self, event: Any) -> None:
        layer = event.source
        if layer not in self._shown.layers or self._shown.made(layer):
            return
        layer.events.name.disconnect(self._renamed)
        if isinstance(layer, Labels) and isinstance(layer.data, np.ndarray):
            # Whoever has made the result may go on writing into its array, as a preview does.
            layer.data = layer.data.copy()
        layer.editable = True
        layer.help = ""
