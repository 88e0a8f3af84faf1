"""New data for a layer that is there: faster than another layer, and what was set on it stays."""

import numpy as np
from napari.layers import Image, Labels, Layer

from ..layers.names import LayerTuple
from ..layers.places import same_place

# What belongs to the data; visibility, opacity, blending and contours are the user's.
BELONGS = ("colormap", "contrast_limits", "gamma", "features")


def takes(layer: Layer, image: Image, made: LayerTuple) -> bool:
    """Whether a layer lies where an image does and can show what was made for its name."""
    data, keywords, kind = made
    return (
        isinstance(layer, Image if kind == "image" else Labels)
        and kind in ("image", "labels")
        and isinstance(data, np.ndarray)
        and (layer.data.shape, layer.data.dtype) == (data.shape, data.dtype)
        and bool(getattr(layer, "rgb", False)) == bool(keywords.get("rgb", False))
        and same_place(layer, image)
        and layer.units == image.units
    )


def refill(layer: Layer, made: LayerTuple) -> None:
    """Shows other data in a layer that `takes` them.

    To replace the layer instead takes napari half a second, most of it for collecting garbage.
    """
    data, keywords, _ = made
    # Before the data: who hears of them asks what they are.
    layer.metadata = keywords.get("metadata", {})
    layer.data = data
    for name in BELONGS:
        if name in keywords:
            setattr(layer, name, keywords[name])
    if "contrast_limits" in keywords:
        # As wide as in a new layer, for the slider.
        layer.contrast_limits_range = keywords["contrast_limits"]
    if isinstance(layer, Labels):
        # Forgets what was painted: there is no way back to it.
        editable, layer.editable = layer.editable, False
        layer.editable = editable
