"""Clicks on an image as a layer of points, each with the structure that it lies on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Image, Points

from ...common.palette import colour
from ...common.screen import untagged
from .names import KEY, LayerTuple
from .places import matrix_of, same_place

STRUCTURE = "structure"
BACKGROUND = "background"
# What clicks of one kind are called if the model has no name for what they lie on.
OBJECT = "objects"
# How many clicks fit side by side into an image, and how wide their rim is, as a share of them.
ACROSS, RIM = 50, 0.1
# Pixels of the screen: a click grows no further when the view is zoomed in. A rim that is drawn
# then has at least half of the least size.
LEAST, MOST = 2, 15
PLAIN = (1.0, 1.0, 1.0)
# A little more than half of a slice.
HALF = 0.5 + 1e-4
# Clicks where a structure is, and those where none is: told apart without colours, too.
HERE, NOT_HERE = "disc", "cross"

# Clicks by the name of their structure, each in pixels of the image's array.
Places = Mapping[str, Sequence[Sequence[float]]]


@dataclass(frozen=True)
class Kind:
    """What a click can lie on.

    Attributes:
        name: of the structure, as the model knows it; "" if all clicks are of one kind.
        title: on the screen.
        colour: red, green and blue, from 0 to 1.
    """

    name: str
    title: str
    colour: tuple[float, float, float]

    @property
    def symbol(self) -> str:
        """The form of its points."""
        return NOT_HERE if self.name == BACKGROUND else HERE


def kinds_of(structures: Sequence[str], classes: Sequence[str]) -> tuple[Kind, ...]:
    """Return what clicks can lie on, in the colours of the model's predictions; background last.

    Args:
        structures: as the model takes them.
        classes: that it predicts, background first.
    """
    found = []
    for place, name in enumerate(structures, start=1):
        known = list(classes).index(name) if name in classes else None
        if not name:
            shade, title = colour(1), classes[1] if len(classes) == 2 else OBJECT
        elif name == BACKGROUND or known == 0:
            shade, title = PLAIN, name
        else:
            shade, title = colour(len(classes) + place if known is None else known), name
        found.append(Kind(name, untagged(title), shade))
    return tuple(sorted(found, key=lambda kind: kind.symbol == NOT_HERE))


def clicks_tuple(places: Places, kinds: Sequence[Kind], image: Image) -> LayerTuple:
    """Return a layer of clicks in the pixels of an image.

    Args:
        places: the clicks.
        kinds: what they can lie on, the first one preferred; more are added for other clicks.
        image: the image.
    """
    ndim = image.ndim
    known = {kind.name: kind for kind in kinds}
    more = tuple(kind for kind in kinds_of([n for n in places if n not in known], ()))
    kinds = (*kinds, *more)
    known |= {kind.name: kind for kind in more}
    listed = [(known[name], point) for name, points in places.items() for point in points]
    first = kinds[0]
    shades = [(*kind.colour, 1.0) for kind, _ in listed] or [(*first.colour, 1.0)]
    keywords = {
        "ndim": ndim,
        "features": _table([kind for kind, _ in listed]),
        "feature_defaults": {STRUCTURE: first.title},
        "face_color": np.array(shades),
        "symbol": [kind.symbol for kind, _ in listed] or first.symbol,
        "border_color": "black",
        "border_width": RIM,
        "size": _size_on(image),
        "canvas_size_limits": (LEAST, MOST),
        "opacity": 1.0,
        "metadata": {KEY: kinds},
    }
    data = np.array([point for _, point in listed], float).reshape(-1, ndim)
    return data, keywords, "points"


def _size_on(image: Image) -> float:
    """Return the size of points for an image; napari multiplies it by `scale`, and no affine."""
    sides = np.linalg.norm(matrix_of(image)[:-1, :-1], axis=0) * image.data.shape[: image.ndim]
    return float(sides[-2:].max() / ACROSS / abs(image.scale[-1]))


def _table(kinds: Sequence[Kind]) -> pd.DataFrame:
    return pd.DataFrame({STRUCTURE: pd.Series([kind.title for kind in kinds], dtype=object)})


def kinds_in(layer: Points) -> tuple[Kind, ...]:
    """Return what the clicks of a layer can lie on."""
    known = layer.metadata.get(KEY)
    right = isinstance(known, tuple) and all(isinstance(kind, Kind) for kind in known)
    return known if right else ()


def offer(layer: Points, kinds: Sequence[Kind]) -> None:
    """Let a layer's next clicks lie on other structures; those that are there keep theirs."""
    there = set(_titles(layer))
    kept = [kind for kind in kinds_in(layer) if kind.title in there]
    titles = {kind.title for kind in kinds}
    found = (*kinds, *(kind for kind in kept if kind.title not in titles))
    if found != kinds_in(layer):
        layer.metadata = {**layer.metadata, KEY: found}
        now = chosen(layer)
        _prefer(layer, next((kind for kind in kinds if kind.name == now), kinds[0]))
        recolour(layer)


def choose(layer: Points, name: str) -> None:
    """Let the next clicks lie on a structure; clicks that are selected stay what they are."""
    kind = next((kind for kind in kinds_in(layer) if kind.name == name), None)
    if kind is not None and kind.name != chosen(layer):
        _prefer(layer, kind)


def _prefer(layer: Points, kind: Kind) -> None:
    # Otherwise the last click, which napari selects, would become one of this kind.
    layer.selected_data = set()
    layer.feature_defaults = {STRUCTURE: kind.title}
    layer.current_face_color = (*kind.colour, 1.0)
    layer.current_symbol = kind.symbol


def chosen(layer: Points) -> str | None:
    """Return the structure of the next clicks; None: it has none that is known."""
    defaults = layer.feature_defaults
    title = defaults[STRUCTURE].iloc[0] if STRUCTURE in defaults.columns and len(defaults) else None
    return next((kind.name for kind in kinds_in(layer) if kind.title == title), None)


def _titles(layer: Points) -> list[Any]:
    return list(layer.features[STRUCTURE]) if STRUCTURE in layer.features.columns else []


def clicks_in(layer: Points, image: Image) -> dict[str, list[list[int]]]:
    """Return the clicks of a layer by structure, in pixels of an image's array.

    A click lies in the pixel whose centre is nearest, as napari shows it. One whose structure was
    changed to something else in the features table has that text as its structure.
    """
    names = {kind.title: kind.name for kind in kinds_in(layer)}
    data = np.asarray(layer.data, float)
    if not len(data):
        return {}
    if layer.ndim == image.ndim and not same_place(layer, image):
        matrix = np.linalg.inv(matrix_of(image)) @ matrix_of(layer)
        data = data @ matrix[:-1, :-1].T + matrix[:-1, -1]
    titles = _titles(layer) or [None] * len(data)
    found: dict[str, list[list[int]]] = {}
    for point, title in zip(np.rint(data).astype(int).tolist(), titles, strict=True):
        found.setdefault(names.get(title, str(title)), []).append(point)
    return found


def recolour(layer: Points) -> None:
    """Give the points of a layer the colours and forms of their present structures."""
    by_title = {kind.title: kind for kind in kinds_in(layer)}
    found = [by_title.get(title) for title in _titles(layer)]
    if len(found) != len(layer.data):
        return
    shades = np.array([(*(PLAIN if kind is None else kind.colour), 1.0) for kind in found])
    forms = [HERE if kind is None else kind.symbol for kind in found]
    if len(found) and not np.allclose(shades, layer.face_color, atol=1e-3):
        layer.face_color = shades
    if len(found) and [symbol.value for symbol in layer.symbol] != forms:
        layer.symbol = forms


def snap(layer: Points, image: Image, dims: Any, indices: Sequence[int]) -> None:
    """Put clicks that were just made into the middle of the slice that is shown.

    napari puts them where the slider is, which for slices of another image's thickness lies
    anywhere between two slices of this one.
    """
    if layer.ndim != image.ndim or not same_place(layer, image):
        return
    offset = dims.ndim - image.ndim
    through = [axis - offset for axis in dims.not_displayed if axis >= offset]
    if dims.ndisplay == 2 and through and len(indices):
        # As napari picks the slice that it shows.
        here = np.round(image.world_to_data(dims.point)[-image.ndim :])[through]
        for index in indices:
            # Points that a script adds lie anywhere, and stay there.
            if (np.abs(layer.data[index, through] - here) < HALF).all():
                layer.data[index, through] = here
