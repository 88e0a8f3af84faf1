"""Scans and masks as napari layers, and layers back to scans and masks."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer, Points, Shapes
from napari.utils.colormaps import Colormap, DirectLabelColormap

from ...common.hashing import sha256_of_array
from ...common.palette import colour
from ...common.screen import markup, untagged
from ...data.presentation import Presentation
from ...data.scan import HU_BELOW, Array, Grid, Mask, Scan, Storage
from ...errors import SegadvError
from .names import JOINED, JOINT, KEY, MADE, LayerTuple
from .places import (
    grid_from,
    grid_now,
    kept_grid,
    lies_on,
    matrix_in_mm,
    placement,
    same_place,
    shown_grid,
)
from .structure_layers import check_whole, numbers_in

# The largest class number that a file can hold.
MOST_LABEL = np.iinfo(np.uint16).max
# Letters of a name that a legend keeps in one line.
TOGETHER = 24


def image_tuple(scan: Scan, name: str = "") -> LayerTuple:
    """Return a scan as layer data for napari's `add_layer` and for readers.

    Of several channels, it shows the first; `channel_tuples` are the others.
    """
    if scan.parts:
        title = f"{name or scan.name} (shows {scan.channel_names[0]})"
        data, made, kind = image_tuple(scan.parts[0], title)
        return data, {**made, "metadata": {**made["metadata"], JOINT: scan}}, kind
    keywords: dict[str, Any] = {
        "name": untagged(name or scan.name),
        "metadata": {KEY: scan},
        "rgb": scan.colour,
        **placement(scan.grid),
    }
    if not scan.colour:
        shown = scan.shown
        keywords |= {"contrast_limits": shown.limits, "colormap": colormap_of(shown)}
    return scan.array, keywords, "image"


def channel_tuples(scan: Scan, name: str = "") -> list[LayerTuple]:
    """Return layer data, hidden at first, for all channels of an image but the first."""
    found = []
    for part, channel in zip(scan.parts[1:], scan.channel_names[1:], strict=True):
        data, keywords, kind = image_tuple(part, f"{name or scan.name} / {channel}")
        metadata = {**keywords["metadata"], JOINED: scan}
        found.append((data, {**keywords, "metadata": metadata, "visible": False}, kind))
    return found


def known_scan(layer: Layer) -> Scan | None:
    """Return the scan that a layer was made for, of all its channels; None: it was made for none.

    The layer may show something else since, see `shows`.
    """
    known = layer.metadata.get(JOINT, layer.metadata.get(KEY))
    return known if isinstance(known, Scan) else None


def colormap_of(shown: Presentation) -> str | Colormap:
    """Return the greys that show an image within the limits of its presentation."""
    if shown.linear:
        return "gray_r" if shown.falls else "gray"
    low, high = shown.limits
    places = (np.array(shown.intensities) - low) / (high - low)
    greys = np.repeat(np.array(shown.brightness)[:, None], 3, axis=1)
    return Colormap(greys, controls=places, name=untagged(shown.source))


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
        # napari writes them into its status bar, which guesses whether a text is HTML.
        names = [untagged(name) for name in classes]
        keywords["features"] = {"index": list(range(len(classes))), "class": names}
    return keywords


def mask_tuple(mask: Mask, name: str) -> LayerTuple:
    """Return a mask as layer data. The array is copied, since napari paints into the original."""
    made = {MADE: (mask.made, sha256_of_array(mask.array))} if mask.made else {}
    keywords = {
        "name": untagged(name),
        "metadata": {KEY: mask.grid, **made},
        **class_keywords(mask.classes, None if mask.classes else mask.array),
        **placement(mask.grid),
    }
    return mask.array.copy(), keywords, "labels"


def scan_of(layer: Image) -> Scan:
    """Return the scan that an image layer shows; make one for a layer from elsewhere.

    Of several channels, it is the scan of all of them.

    Raises:
        SegadvError: if the layer is not a 2-D or 3-D image that can be attacked.
    """
    joint = known_scan(layer)
    if joint is not None and shows(layer, joint.singles[0]):
        return joint
    known = layer.metadata.get(KEY)
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
        grid, units = grid_now(matrix_in_mm(layer), known.grid), known.units
    else:
        grid, units = grid_from(matrix_in_mm(layer), shape), "grey level"
        if grid.ndim == 3 and not layer.rgb and data.min() < HU_BELOW:
            units = "HU"
    storage, title = Storage(str(data.dtype)), {"title": layer.name}
    shown = known.presentation if isinstance(known, Scan) else None
    return Scan(np.array(colour_data), grid, units, storage, bool(layer.rgb), None, title, shown)


def shows(layer: Image, scan: Scan) -> bool:
    """Return whether a layer shows a scan as it was read.

    Its data may have been flipped, replaced or moved since, for example in napari's console.
    """
    if layer.multiscale or not _is_one(np.asarray(layer.data), scan.array):
        return False
    return lies_on(matrix_in_mm(layer), scan.grid)


def same_pixels(layer: Image, scan: Scan) -> bool:
    """Return whether a layer has the pixels of a scan, of one channel, wherever it lies."""
    if layer.multiscale:
        return False
    data = np.asarray(layer.data)
    data = data[..., :3] if layer.rgb else data
    return _is_one(data, scan.array) or bool(np.array_equal(data, scan.array))


def _is_one(data: Array, other: Array) -> bool:
    """Return whether two arrays are the same memory, seen in the same way."""
    alike = (data.shape, data.dtype, data.strides) == (other.shape, other.dtype, other.strides)
    return alike and data.ctypes.data == other.ctypes.data


def copied(layer: Layer) -> Layer:
    """Copy a layer on which users draw for another thread; return any other layer itself."""
    if not isinstance(layer, (Labels, Points, Shapes)):
        return layer
    data, keywords, kind = layer.as_layer_data_tuple()
    if isinstance(layer, Labels) and layer.multiscale:
        data, keywords["multiscale"] = np.asarray(layer.data[0]), False
    own = [shape.copy() for shape in data] if isinstance(layer, Shapes) else data.copy()
    return Layer.create(own, keywords, kind)


def painted(layer: Labels) -> Array:
    """Return the labels of a layer; of several resolutions, the finest."""
    return np.asarray(layer.data[0] if layer.multiscale else layer.data)


def units_of(layer: Image) -> str:
    """Return the units of an image layer's scan, without making a scan."""
    known = layer.metadata.get(KEY)
    return known.units if isinstance(known, Scan) else "grey level"


def mask_of(
    layer: Labels, beside: Image, grid: Grid, role: str = "label map", alone: bool = False
) -> Mask:
    """Copy the mask that a labels layer stands for, on the grid of the image layer beside it.

    Labels painted on the image have its pixels; others are brought onto it by their geometry.

    Args:
        layer: the labels.
        beside: the image.
        grid: of the image.
        role: what the mask is for, for the message.
        alone: of a target of several layers, whether only this one counts.

    Raises:
        SegadvError: if the labels are no label map, do not fit the image, or are not whole.
    """
    if not alone:
        check_whole(layer)
    data = np.array(painted(layer) if alone else numbers_in(layer))
    check_labels(data, f"layer {layer.name}")
    data = data.astype(np.uint8 if data.max(initial=0) < 256 else np.uint16)
    from ...io import belonging, to_grid

    known = layer.metadata.get(KEY)
    try:
        notes = belonging(Mask(data, known), grid) if _holds(known, data) else ()
    except SegadvError as error:
        wrong, _, _ = str(error).removeprefix("the mask: ").partition(";")
        raise SegadvError(
            f"layer {layer.name}: {wrong}; choose another {role}, or, if it is of this image all "
            "the same, save the layer as .nii.gz and open that"
        ) from None
    if data.shape == grid.shape and same_place(layer, beside):
        return Mask(data, grid, notes=notes, made=_made(layer, data))
    if data.ndim not in (2, 3):
        raise SegadvError(
            f"layer {layer.name}: is not a 2-D or 3-D label map; choose another {role}"
        )
    own, there = kept_grid(layer, known), kept_grid(beside, grid)
    if own is None or own.shape != data.shape or there is None:
        own, there = shown_grid(layer, data.shape), shown_grid(beside, grid.shape)
    try:
        return replace(to_grid(Mask(data, own), there), grid=grid)
    except SegadvError:
        raise SegadvError(
            f"This {role} belongs to another image. Choose another {role} or image."
        ) from None


def _holds(known: Any, data: Array) -> bool:
    """Return whether labels came with a grid that they still have."""
    return isinstance(known, Grid) and known.shape == data.shape


def _made(layer: Labels, data: Array) -> tuple[Mapping[str, Any], ...]:
    """Return the target shapes that made a layer's labels; none if they were painted on since."""
    steps, sha256 = layer.metadata.get(MADE, ((), ""))
    return tuple(steps) if sha256 and sha256_of_array(data) == sha256 else ()


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
        whole = markup(name)
        if len(whole) <= TOGETHER:
            # Names of two words stay in one line.
            whole = whole.replace(" ", "&nbsp;")
        parts.append(f'<span style="color:rgb({red},{green},{blue})">&#9632;</span>&nbsp;{whole}')
    return " &nbsp; ".join(parts)
