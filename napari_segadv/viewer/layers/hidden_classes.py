"""Hides classes of a labels layer by its colours; neither its data nor the colours are lost.

A hidden class keeps its red, green and blue, and gets an opacity of 0. A class with an opacity of 0
that is not hidden gets 1 again, so nothing else has to be remembered.
"""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap


def hide_classes(layer: Labels, hidden: Collection[int], known: Iterable[int]) -> None:
    """Hide some of a layer's classes, and show all others.

    Args:
        layer: the labels.
        hidden: class numbers to hide.
        known: the class numbers that the layer may have.
    """
    colormap = layer.colormap
    if not isinstance(colormap, DirectLabelColormap):
        if not hidden:
            return
        # Colours that napari cycles through have no place for one class; given to each, they have.
        colours: dict[int | None, Any] = {None: (0, 0, 0, 0), 0: (0, 0, 0, 0)}
        colours |= {n: layer.get_color(n) for n in known if n}
        colormap = DirectLabelColormap(color_dict=colours)
    given = colormap.color_dict
    labels = {n for n in (*known, *given) if n}
    wanted = {}
    for label in labels:
        before = np.asarray(given.get(label, colormap.default_color), float)
        alpha = 0.0 if label in hidden else float(before[3]) or 1.0
        # A class without a colour of its own has the default one, which may be no colour at all.
        if alpha != before[3] and (label in given or label in hidden):
            wanted[label] = np.array([*before[:3], alpha])
    if not wanted and colormap is layer.colormap:
        return
    # The same object, so that who lent the layer a colormap still knows it. napari keeps textures
    # that it made of a colormap, and does not look whether its colours have changed since.
    given.update(wanted)
    colormap._clear_cache()
    layer.colormap = colormap


def colour_of(layer: Labels, label: int) -> Any:
    """Return red, green and blue, from 0 to 1, of a class, hidden or not; None: it has none."""
    colormap = layer.colormap
    colours = getattr(colormap, "color_dict", {})
    rgba = colours.get(label) if colours else colormap.map(label)
    return None if rgba is None else np.asarray(rgba, float)[:3]


def is_hidden(layer: Labels, label: int) -> bool:
    """Return whether a class has a colour of its own that is not seen."""
    rgba = getattr(layer.colormap, "color_dict", {}).get(label)
    return rgba is not None and not rgba[3]
