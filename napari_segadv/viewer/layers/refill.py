"""Puts new data into an existing layer: faster than a new layer, and the user's settings stay."""

import numpy as np
from napari.layers import Image, Labels, Layer

from .names import LayerTuple
from .places import PLACED, same_place

# Attributes that go with the data; visibility, opacity, blending and contours are the user's.
BELONGS = ("colormap", "contrast_limits", "gamma", "features")


def takes(layer: Layer, image: Image, made: LayerTuple) -> bool:
    """Return whether a layer lies where an image does and can show the new data."""
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
    """Show other data in a layer that `takes` them.

    Replacing the layer would take napari half a second, most of it for garbage collection.
    """
    data, keywords, _ = made
    # Before the data, since listeners to the data's event look at the metadata.
    layer.metadata = keywords.get("metadata", {})
    # New data would make a layer editable that is not.
    editable = layer.editable
    layer.data = data
    for name in (*PLACED, *BELONGS):
        if name in keywords:
            setattr(layer, name, keywords[name])
    if "contrast_limits" in keywords:
        # The slider's range, as in a new layer.
        layer.contrast_limits_range = keywords["contrast_limits"]
    if isinstance(layer, Labels):
        # Clears the undo history, which belongs to the old data.
        layer.editable = False
    layer.editable = editable
