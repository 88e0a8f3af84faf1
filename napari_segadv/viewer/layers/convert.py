"""Scans and masks as napari layers, and layers back to scans and masks."""

from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils.colormaps import DirectLabelColormap

from ...common.palette import colour
from ...data.scan import HU_BELOW, Array, Grid, Mask, Scan, Storage
from ...errors import SegadvError
from .names import KEY, LayerTuple
from .places import grid_from, kept_grid, matrix_of, placement, same_place, shown_grid

SOFT_TISSUE = (-160.0, 240.0)
# The largest class number that a file can hold.
MOST_LABEL = np.iinfo(np.uint16).max


def window_of(scan: Scan) -> tuple[float, float]:
    """Return the intensities to show: the header's window, else soft tissue for HU, all for bytes.

    Other images are shown between their percentiles 0.5 and 99.5.
    """
    try:
        centre, width = (
            float(str(scan.meta[key]).split("\\")[0]) for key in ("window_center", "window_width")
        )
        if width > 0 and np.isfinite([centre, width]).all():
            return centre - width / 2, centre + width / 2
    except (KeyError, ValueError):
        pass
    if scan.units == "HU":
        return SOFT_TISSUE
    if scan.storage.dtype == "uint8":
        return 0.0, 255.0
    low, high = np.percentile(scan.array, (0.5, 99.5))
    return (float(low), float(high)) if high > low else scan.bounds


def image_tuple(scan: Scan, name: str = "") -> LayerTuple:
    """Return a scan as layer data for napari's `add_layer` and for readers."""
    inverted = scan.meta.get("photometric") == "MONOCHROME1"
    keywords: dict[str, Any] = {
        "name": name or scan.name,
        "metadata": {KEY: scan},
        "rgb": scan.colour,
        **placement(scan.grid),
    }
    if not scan.colour:
        keywords |= {
            "contrast_limits": window_of(scan),
            "colormap": "gray_r" if inverted else "gray",
        }
    return scan.array, keywords, "image"


def class_keywords(classes: tuple[str, ...], labels: Array | None = None) -> dict[str, Any]:
    """Return colours and names of classes, the same in every labels layer.

    Args:
        classes: names of all classes, background first.
        labels: searched for further class numbers, which takes time on a volume. Omit them for a
            prediction, which has no others.
    """
    numbers = set(range(1, len(classes)))
    if labels is not None:
        numbers |= {int(n) for n in np.unique(labels) if n}
    colours: dict[int | None, Any] = {None: (0, 0, 0, 0), 0: (0, 0, 0, 0)}
    colours |= {n: (*colour(n), 1.0) for n in sorted(numbers)}
    keywords: dict[str, Any] = {"colormap": DirectLabelColormap(color_dict=colours)}
    if classes:
        keywords["features"] = {"index": list(range(len(classes))), "class": list(classes)}
    return keywords


def mask_tuple(mask: Mask, name: str) -> LayerTuple:
    """Return a mask as layer data. The array is copied, since napari paints into the original."""
    keywords = {
        "name": name,
        "metadata": {KEY: mask.grid},
        **class_keywords(mask.classes, None if mask.classes else mask.array),
        **placement(mask.grid),
    }
    return mask.array.copy(), keywords, "labels"


def scan_of(layer: Image) -> Scan:
    """Return the scan that an image layer shows; make one for a layer from elsewhere.

    Raises:
        SegadvError: if the layer is not a 2-D or 3-D image that can be attacked.
    """
    known = layer.metadata.get(KEY)
    if (
        isinstance(known, Scan)
        and known.array.shape == layer.data.shape
        and (np.shares_memory(known.array, np.asarray(layer.data)))
    ):
        return known
    if layer.multiscale:
        raise SegadvError(f"layer {layer.name}: has several resolutions; open a single one")
    data = np.asarray(layer.data)
    shape = data.shape[:-1] if layer.rgb else data.shape
    if len(shape) not in (2, 3) or data.dtype.kind not in "iuf":
        raise SegadvError(
            f"layer {layer.name}: is not a 2-D or 3-D image of numbers; choose another image, or "
            "one slice of it"
        )
    colour_data = data[..., :3] if layer.rgb else data
    if not np.isfinite(colour_data).all():
        raise SegadvError(f"layer {layer.name}: has NaN or infinite values; replace them")
    if colour_data.min() == colour_data.max():
        raise SegadvError(
            f"layer {layer.name}: every pixel is the same; there is nothing to attack"
        )
    if isinstance(known, Scan) and known.grid.shape == shape:
        grid, units = known.grid, known.units
    else:
        grid, units = grid_from(matrix_of(layer), shape), "grey level"
        if grid.ndim == 3 and not layer.rgb and data.min() < HU_BELOW:
            units = "HU"
    storage, title = Storage(str(data.dtype)), {"title": layer.name}
    return Scan(np.array(colour_data), grid, units, storage, bool(layer.rgb), meta=title)


def copied(layer: Layer) -> Layer:
    """Copy a labels or shapes layer for another thread; return any other layer itself."""
    if not isinstance(layer, (Labels, Shapes)):
        return layer
    data, keywords, kind = layer.as_layer_data_tuple()
    own = data.copy() if isinstance(layer, Labels) else [shape.copy() for shape in data]
    return Layer.create(own, keywords, kind)


def units_of(layer: Image) -> str:
    """Return the units of an image layer's scan, without making a scan."""
    known = layer.metadata.get(KEY)
    return known.units if isinstance(known, Scan) else "grey level"


def mask_of(layer: Labels, beside: Image, grid: Grid, role: str = "label map") -> Mask:
    """Copy the mask that a labels layer holds, on the grid of the image layer beside it.

    Labels painted on the image have its pixels; others are brought onto it by their geometry.

    Args:
        layer: the labels.
        beside: the image.
        grid: of the image.
        role: what the mask is for, for the message.

    Raises:
        SegadvError: if the labels are no label map, or do not fit the image.
    """
    check_labels(np.asarray(layer.data), f"layer {layer.name}")
    data = np.array(layer.data)
    data = data.astype(np.uint8 if data.max(initial=0) < 256 else np.uint16)
    if data.shape == grid.shape and same_place(layer, beside):
        return Mask(data, grid)
    from ...io import to_grid

    if data.ndim not in (2, 3):
        raise SegadvError(
            f"layer {layer.name}: is not a 2-D or 3-D label map; choose another {role}"
        )
    own, there = kept_grid(layer, layer.metadata.get(KEY)), kept_grid(beside, grid)
    if own is None or own.shape != data.shape or there is None:
        own, there = shown_grid(layer, data.shape), shown_grid(beside, grid.shape)
    try:
        return replace(to_grid(Mask(data, own), there), grid=grid)
    except SegadvError:
        raise SegadvError(
            f"This {role} belongs to another image. Choose another {role} or image."
        ) from None


def check_labels(array: Array, name: str) -> None:
    """Refuse numbers that a file of labels can't hold.

    Args:
        array: the labels.
        name: of the layer or file, for the message.

    Raises:
        SegadvError: if there are any.
    """
    whole = array.dtype.kind in "iub"
    if not whole or array.min(initial=0) < 0 or array.max(initial=0) > MOST_LABEL:
        raise SegadvError(f"{name}: has class numbers outside 0 to {MOST_LABEL}; renumber them")


def looking_like(clean: Image) -> dict[str, Any]:
    """Return the keywords that give an image the contrast and colours of the clean one."""
    if clean.rgb:
        return {}
    return {
        "contrast_limits": clean.contrast_limits,
        "colormap": clean.colormap,
        "gamma": clean.gamma,
    }


def legend(classes: Mapping[int, str]) -> str:
    """Return class names, each after a square of its colour, as rich text."""
    parts = []
    for number, name in classes.items():
        red, green, blue = (round(255 * c) for c in colour(number))
        # Keep names of two words in one line.
        whole = escape(name).replace(" ", "&nbsp;")
        parts.append(f'<span style="color:rgb({red},{green},{blue})">&#9632;</span>&nbsp;{whole}')
    return " &nbsp; ".join(parts)
