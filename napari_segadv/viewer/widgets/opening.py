"""Files that a user opens in napari: our reader reads them, so that values and place are known.

napari's own reader claims nearly every ending, and napari asks which reader shall be used where
two claim one. While a panel is open, medical formats are ours unless the user has chosen otherwise
in napari's preferences; other images that napari has read are read once more.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import LayerList
from napari.layers import Image, Layer
from napari.settings import get_settings
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from ...errors import SegadvError
from ..layers.convert import image_tuple
from ..layers.names import KEY

PLUGIN, BUILTIN = "napari-segadv", "napari"
# Formats with geometry, which napari's reader drops.
MEDICAL = ("*.nii", "*.nii.gz", "*.nrrd", "*.nhdr", "*.mha", "*.mhd", "*.dcm", "*.dicom", "*.ima")


def prefer_our_reader() -> None:
    """Let napari open medical formats with our reader, unless the user has chosen another."""
    plugins = get_settings().plugins
    chosen = plugins.extension2reader
    missing = {pattern: PLUGIN for pattern in MEDICAL if pattern not in chosen}
    if missing:
        plugins.extension2reader = {**chosen, **missing}


def adopt_all(layers: LayerList) -> None:
    """Read the images that napari's reader has opened once more with ours."""
    for layer in list(layers):
        adopt(layers, layer)


def adopt_soon(layers: LayerList, layer: Layer) -> None:
    """Do so with a layer that is just being inserted, once napari has done it."""
    if read_by_napari(layer):
        _soon(lambda: adopt(layers, layer))


def read_by_napari(layer: Layer) -> bool:
    """Return whether napari's own reader made a layer from one image file."""
    source = layer.source
    return (
        isinstance(layer, Image)
        and not layer.multiscale
        and KEY not in layer.metadata
        and source.reader_plugin == BUILTIN
        and source.path is not None
        and Path(source.path).is_file()
    )


def adopt(layers: LayerList, layer: Layer) -> None:
    """Show a layer's file as our reader reads it; leave the layer alone if it can't."""
    from ... import io

    if layer not in layers or not read_by_napari(layer):
        return
    try:
        scan = io.read(layer.source.path)
    except SegadvError:
        return
    data, keywords, _ = image_tuple(scan, layer.name)
    if (data.shape, scan.colour) == (layer.data.shape, layer.rgb):
        _refill(layer, data, keywords)
        return
    # napari can't turn a colour layer into a grey one.
    new = Image(data, **keywords)
    place = layers.index(layer)
    selected = layer in layers.selection
    layers.remove(layer)
    layers.insert(place, new)
    if selected:
        layers.selection.active = new


def _refill(layer: Image, data: Any, keywords: dict[str, Any]) -> None:
    layer.metadata = keywords["metadata"]
    # Also where the values are equal: the layer then shows the scan's own array.
    layer.data = data
    for name in ("scale", "affine", "units", "colormap", "contrast_limits"):
        if name in keywords:
            setattr(layer, name, keywords[name])
    if "contrast_limits" in keywords:
        low, high = float(np.min(data)), float(np.max(data))
        shown_low, shown_high = keywords["contrast_limits"]
        layer.contrast_limits_range = (min(low, shown_low), max(high, shown_high))


def _soon(action: Callable[[], None]) -> None:
    """Act once napari has finished inserting a layer; at once without a window."""
    if QApplication.instance() is None:
        action()
    else:
        QTimer.singleShot(0, action)
