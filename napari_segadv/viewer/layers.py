"""Scans, masks and examples as napari layers, and layers back to scans and masks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import Colormap, DirectLabelColormap

from ..errors import SegadvError
from ..palette import colour
from ..scan import Array, Grid, Mask, Scan, Storage

if TYPE_CHECKING:
    from ..example import Example

KEY = "segadv"
SOFT_TISSUE = (-160.0, 240.0)

# Nothing where nothing changed, so that it can lie on the image: blue below zero, red above.
NOISE_COLOURS = Colormap(
    [
        [0.35, 0.75, 1.0, 1],
        [0.0, 0.3, 0.9, 1],
        [0, 0, 0, 1],
        [0.9, 0.2, 0.0, 1],
        [1.0, 0.8, 0.3, 1],
    ],
    name="segadv noise",
    display_name="noise (blue - 0 - red)",
)

LayerTuple = tuple[Array, dict[str, Any], str]


def placement(grid: Grid) -> dict[str, Any]:
    """How a grid's pixels are put into napari's world: keywords of a layer.

    Flips are shown; napari can't show slices of an oblique volume, so of such a grid only the
    spacing is used. The grid itself stays with the layer.
    """
    if not grid.physical:
        return {}
    units = {"units": ("mm",) * grid.ndim}
    if np.allclose(grid.direction, np.diag(np.diag(grid.direction)), atol=1e-4):
        return {"affine": grid.affine, **units}
    return {"scale": grid.spacing, **units}


PLACED = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


def placed_like(layer: Image | Labels) -> dict[str, Any]:
    """The keywords that put another layer of the same pixels exactly where this one is."""
    return {name: getattr(layer, name) for name in PLACED}


def window_of(scan: Scan) -> tuple[float, float]:
    """The intensities to show: the header's window, soft tissue for HU, everything for bytes."""
    try:
        centre, width = (
            float(str(scan.meta[key]).split("\\")[0]) for key in ("window_center", "window_width")
        )
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
    """A scan as layer data for napari's `add_layer` and for readers."""
    inverted = scan.meta.get("photometric") == "MONOCHROME1"
    keywords: dict[str, Any] = {
        "name": name or str(scan.meta.get("title", scan.name)),
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
    """Colours and names of classes: the same in every label layer.

    Labels are looked through for further numbers, which takes time on a volume; what a victim
    predicts holds none.
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
    """A mask as layer data. The array is copied: napari paints into what it is given."""
    keywords = {
        "name": name,
        "metadata": {KEY: mask.grid},
        **class_keywords(mask.classes, None if mask.classes else mask.array),
        **placement(mask.grid),
    }
    return mask.array.copy(), keywords, "labels"


def scan_of(layer: Image) -> Scan:
    """The scan that an image layer shows; one is made for a layer that came from elsewhere.

    Raises:
        SegadvError: where the layer is no 2-D or 3-D image.
    """
    known = layer.metadata.get(KEY)
    if (
        isinstance(known, Scan)
        and known.array.shape == layer.data.shape
        and (np.shares_memory(known.array, np.asarray(layer.data)))
    ):
        return known
    if layer.multiscale:
        raise SegadvError(f"layer {layer.name}: has several resolutions; open a single image")
    data = np.asarray(layer.data)
    shape = data.shape[:-1] if layer.rgb else data.shape
    if len(shape) not in (2, 3) or data.dtype.kind not in "iuf":
        raise SegadvError(f"layer {layer.name}: is no 2-D or 3-D image of numbers; pick one slice")
    colour_data = data[..., :3] if layer.rgb else data
    if not np.isfinite(colour_data).all():
        raise SegadvError(f"layer {layer.name}: holds NaN or infinite values; replace them")
    if colour_data.min() == colour_data.max():
        raise SegadvError(
            f"layer {layer.name}: every pixel is the same; there is nothing to attack"
        )
    if isinstance(known, Scan) and known.grid.shape == shape:
        grid, units = known.grid, known.units
    else:
        grid, units = grid_of(layer, shape), "grey level"
        if grid.ndim == 3 and not layer.rgb and data.min() < -150:
            units = "HU"
    return Scan(np.array(colour_data), grid, units, Storage(str(data.dtype)), bool(layer.rgb))


def grid_of(layer: Image | Labels, shape: tuple[int, ...]) -> Grid:
    """A grid from a layer's own scale and translation."""
    ndim = len(shape)
    scale = tuple(abs(float(s)) or 1.0 for s in layer.scale[-ndim:])
    offset = tuple(float(t) for t in layer.translate[-ndim:])
    if all(s == 1.0 for s in scale) and not any(offset):
        return Grid.pixels(shape)
    return Grid(shape, scale, offset, np.eye(ndim))


def mask_of(layer: Labels, beside: Image, grid: Grid) -> Mask:
    """The mask that a labels layer holds, copied, on the grid of the image layer beside it.

    Labels painted on the image have its pixels; others are brought onto it by their geometry.

    Raises:
        SegadvError: where they don't fit.
    """
    data = np.array(layer.data)
    kind = np.uint8 if data.max(initial=0) < 256 else np.uint16
    data = data.astype(kind)
    known = layer.metadata.get(KEY)
    if data.shape == grid.shape and same_place(layer, beside):
        return Mask(data, grid)
    from ..io import to_grid

    own = known if isinstance(known, Grid) and known.shape == data.shape else None
    if data.ndim not in (2, 3):
        raise SegadvError(f"layer {layer.name}: is no 2-D or 3-D label map")
    try:
        return to_grid(Mask(data, own or grid_of(layer, data.shape)), grid)
    except SegadvError as error:
        raise SegadvError(f"layer {layer.name}: {error}") from None


def same_place(one: Image | Labels, other: Image | Labels) -> bool:
    """Whether two layers put their pixels at the same place of napari's world."""
    a, b = (_linear(layer) for layer in (one, other))
    return a.shape == b.shape and bool(np.allclose(a, b, atol=1e-3))


def _linear(layer: Image | Labels) -> Array:
    """The matrix from a layer's data to the world."""
    matrix: Array = layer._transforms[1:3].simplified.affine_matrix
    return matrix


def example_tuples(example: "Example") -> dict[str, LayerTuple]:
    """The layers of an example, bottom to top, without their place (see `placed_like`).

    Copies whole volumes, so it is for the thread that computes.
    """
    linf = float(example.measures["linf"]) or 1.0
    classes = example.prediction_clean.classes

    def labels(mask: Mask, **keywords: Any) -> LayerTuple:
        known = {**class_keywords(classes), "metadata": {KEY: mask.grid}, "opacity": 0.4}
        return mask.array.copy(), {**known, **keywords}, "labels"

    return {
        "adversarial": (
            example.adversarial.array,
            {"rgb": example.clean.colour, "metadata": {KEY: example.adversarial}},
            "image",
        ),
        "noise": (
            example.noise_shown,
            {
                "colormap": NOISE_COLOURS,
                "contrast_limits": (-linf, linf),
                "blending": "additive",
                "visible": False,
            },
            "image",
        ),
        "prediction (clean)": labels(example.prediction_clean, visible=False),
        "prediction (adversarial)": labels(example.prediction_adversarial),
    }


def looking_like(clean: Image) -> dict[str, Any]:
    """The keywords that give an image the contrast and colours of the clean one."""
    if clean.rgb:
        return {}
    return {
        "contrast_limits": clean.contrast_limits,
        "colormap": clean.colormap,
        "gamma": clean.gamma,
    }


def legend(classes: Mapping[int, str]) -> str:
    """Class names behind a square of their colour, as rich text."""
    parts = []
    for number, name in classes.items():
        red, green, blue = (round(255 * c) for c in colour(number))
        parts.append(f'<span style="color:rgb({red},{green},{blue})">&#9632;</span>&nbsp;{name}')
    return " &nbsp; ".join(parts)
