"""Files that a user opens in napari: our reader reads them, so that values and place are known.

napari's own reader claims nearly every ending, and napari asks which reader to use where two claim
one. When a panel is opened, medical formats become ours in napari's preferences, unless the user
has chosen otherwise there. While one is open, other images that napari has read are read once more.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from napari.components import LayerList
from napari.layers import Image, Layer
from napari.settings import get_settings
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from ...data.scan import Scan
from ...errors import SegadvError
from ..layers.convert import image_tuple
from ..layers.names import KEY
from ..layers.refill import BELONGS, refill

PLUGIN, BUILTIN = "napari-segadv", "napari"
# Formats with geometry, which napari's reader drops.
MEDICAL = ("*.nii", "*.nii.gz", "*.nrrd", "*.nhdr", "*.mha", "*.mhd", "*.dcm", "*.dicom", "*.ima")


def prefer_our_reader() -> None:
    """Let napari open medical formats with our reader, unless the user has chosen another.

    This is an entry of napari's preferences for each ending, which stays; the user can change it
    there.
    """
    plugins = get_settings().plugins
    chosen = plugins.extension2reader
    missing = {pattern: PLUGIN for pattern in MEDICAL if pattern not in chosen}
    if missing:
        plugins.extension2reader = {**chosen, **missing}


def adopt_all(layers: LayerList) -> None:
    """Read the images that napari's reader has opened once more with ours.

    The user may have changed their pixels or their contrast since: those stay.
    """
    for layer in list(layers):
        scan = _read_again(layer)
        if scan is not None and _same_pixels(layer, scan):
            _show(layers, layer, scan, keep_look=True)


def adopt_soon(layers: LayerList, layer: Layer) -> None:
    """Do so with a layer that is just being inserted, once napari has done it."""

    def adopt() -> None:
        scan = _read_again(layer) if layer in layers else None
        if scan is not None:
            _show(layers, layer, scan)

    if _is_napari_s(layer):
        _soon(adopt)


def _is_napari_s(layer: Layer) -> bool:
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


def _read_again(layer: Layer) -> Scan | None:
    """Return what our reader reads in the file of a layer that napari read; None for nothing."""
    from ... import io

    if not _is_napari_s(layer):
        return None
    try:
        return io.read(layer.source.path)
    except SegadvError:
        return None


def _same_pixels(layer: Image, scan: Scan) -> bool:
    data = np.asarray(layer.data)
    if layer.rgb and not scan.colour:
        return bool((data[..., :3] == scan.array[..., None]).all())
    return bool(np.array_equal(data[..., :3] if layer.rgb else data, scan.array))


def _show(layers: LayerList, layer: Image, scan: Scan, keep_look: bool = False) -> None:
    """Show a scan in a layer, or in a new one in its place."""
    made = image_tuple(scan, layer.name)
    data, keywords, _ = made
    if (data.shape, scan.colour) == (layer.data.shape, layer.rgb):
        if keep_look:
            keywords = {k: v for k, v in keywords.items() if k not in BELONGS}
        refill(layer, (data, keywords, "image"))
        return
    # napari can't turn a colour layer into a grey one.
    new = Image(data, **keywords)
    place, selected = layers.index(layer), layer in layers.selection
    layers.remove(layer)
    layers.insert(place, new)
    if selected:
        layers.selection.active = new


def _soon(action: Callable[[], None]) -> None:
    """Act once napari has finished inserting a layer; at once without a window."""
    if QApplication.instance() is None:
        action()
    else:
        QTimer.singleShot(0, action)
