"""A target of overlapping structures on the screen: a binary labels layer for each structure.

The layers are the target: what a user paints on one changes its structure, and no other. The
numbers of combinations, which victims and files know, are put together whenever they are read. Any
of the layers stands for all of them, see `numbers_in`; lists show the first, see `leads`.

All layers have one history: undo takes back what was done last, on whichever of them.
"""

import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from napari.utils.colormaps import DirectLabelColormap

from ...common.palette import colour
from ...common.screen import untagged
from ...data.overlapping import are_combinations, combinations, structures_of
from ...data.scan import Array
from ...errors import SegadvError
from .class_names import classes_of, names_of
from .names import PART, LayerTuple, of_structure
from .own_maps import holds_combinations
from .places import same_place

# Steps that can be taken back, as many as napari keeps for a layer.
STEPS = 100
CLEAR = (0.0, 0.0, 0.0, 0.0)


class StructureLayers:
    """The layers of one target, in the order of their structures.

    A layer joins by its metadata, once it is seen first. Layers are not kept: the viewer has them.

    Attributes:
        structures: names of the structures.
        classes: names of all their combinations.
        label: class number of the structure that was chosen or painted last.
    """

    def __init__(self, structures: Sequence[str]) -> None:
        self.structures = tuple(structures)
        self.classes = combinations(self.structures)
        self.label = 1
        self._layers: dict[int, weakref.ref[Labels]] = {}
        self._gone: weakref.WeakSet[Labels] = weakref.WeakSet()
        # Numbers of the layers that each step has changed; a layer may be in one several times.
        self._done: deque[list[int]] = deque(maxlen=STEPS)
        self._undone: list[list[int]] = []
        self._open: list[int] | None = None

    @property
    def layers(self) -> list[Labels]:
        """The layers that are there."""
        found = (self._layers[k]() for k in sorted(self._layers))
        return [layer for layer in found if layer is not None and layer not in self._gone]

    @property
    def places(self) -> range:
        """The structures, counted from 0."""
        return range(len(self.structures))

    @property
    def labels(self) -> list[int]:
        """The class numbers of the structures: 1, 2, 4 and so on."""
        return [1 << k for k in self.places]

    @property
    def whole(self) -> bool:
        """Whether all layers are there and lie on each other."""
        layers = self.layers
        return len(layers) == len(self.structures) and all(
            layer.data.shape == layers[0].data.shape and same_place(layer, layers[0])
            for layer in layers
        )

    @property
    def missing(self) -> str:
        """The first structure whose layer is gone, or does not lie on the others."""
        first = next(iter(self.layers), None)
        for label, name in zip(self.labels, self.structures, strict=True):
            layer = self.layer_of(label)
            if layer is None or first is None or not same_place(layer, first):
                return name
        return self.structures[-1]

    @property
    def name(self) -> str:
        """The name of the first layer without that of its structure."""
        layer = next(iter(self.layers), None)
        return "" if layer is None else title_of(layer.name, self.structures[self.place(layer)])

    def place(self, layer: Labels) -> int:
        """Return which structure, counted from 0, a layer shows."""
        return next(place for place, own in self._layers.items() if own() is layer)

    def label_of(self, layer: Labels) -> int:
        """Return the class number of a layer's structure."""
        return 1 << self.place(layer)

    def layer_of(self, label: int) -> Labels | None:
        """Return the layer of a structure by its class number; None: it is gone."""
        return next((layer for layer in self.layers if self.label_of(layer) == label), None)

    def numbers(self, key: Any = ...) -> Array:
        """Return the numbers of combinations that the layers hold at some of the pixels."""
        layers = self.layers
        total = np.zeros(np.shape(layers[0].data[key]), np.uint8)
        for layer in layers:
            total |= (np.asarray(layer.data[key]) != 0).astype(np.uint8) << self.place(layer)
        return total

    def took(self, layer: Labels, place: int) -> bool:
        """Let a layer show a structure, unless another one does; return whether it does now."""
        if place in self._layers:
            return False
        self._layers[place] = weakref.ref(layer)
        layer.events.paint.connect(self._painted)
        layer.__dict__["undo"] = self.undo
        layer.__dict__["redo"] = self.redo
        return True

    def set_gone(self, layer: Labels, gone: bool) -> None:
        """Note that a layer has left the viewer, or has come back."""
        (self._gone.add if gone else self._gone.discard)(layer)

    @contextmanager
    def step(self) -> Iterator[None]:
        """Let undo take back at once all that is painted meanwhile."""
        if self._open is not None:
            yield
            return
        self._open = []
        try:
            yield
        finally:
            done, self._open = self._open, None
            if done:
                self._done.append(done)

    def undo(self) -> None:
        """Take back the last step, on all layers that it has changed."""
        if self._done:
            done = self._done.pop()
            self._undone.append(done)
            for layer in self._each(reversed(done)):
                type(layer).undo(layer)

    def redo(self) -> None:
        """Do again what was taken back last."""
        if self._undone:
            undone = self._undone.pop()
            self._done.append(undone)
            for layer in self._each(undone):
                type(layer).redo(layer)

    def _each(self, places: Iterable[int]) -> Iterator[Labels]:
        for place in places:
            layer = self._layers[place]()
            if layer is not None:
                yield layer

    def _painted(self, event: Any) -> None:
        """Note whose stroke it was: napari tells of each that it has put into a history."""
        self._undone.clear()
        place, self.label = self.place(event.source), self.label_of(event.source)
        if self._open is None:
            self._done.append([place])
        else:
            self._open.append(place)


# Metadata may be replaced by anybody; who has joined stays.
_KNOWN: "weakref.WeakKeyDictionary[Labels, StructureLayers]" = weakref.WeakKeyDictionary()


def set_of(layer: Layer | None) -> StructureLayers | None:
    """Return the target of which a layer is one of several; a copy of such a layer is of none."""
    if not isinstance(layer, Labels):
        return None
    if layer not in _KNOWN and PART in layer.metadata:
        found, place = layer.metadata[PART]
        if found.took(layer, place):
            _KNOWN[layer] = found
    return _KNOWN.get(layer)


def members(layer: Layer) -> list[Any]:
    """Return all layers of a layer's target; of any other layer, itself."""
    found = set_of(layer)
    return [layer] if found is None else found.layers


def leads(layers: Iterable[Layer]) -> list[Any]:
    """Return layers, of those of one target the first alone, which stands for all."""
    listed, seen = [], set()
    there = list(layers)
    for layer in there:
        found = set_of(layer)
        if found is None:
            listed.append(layer)
        elif found not in seen:
            seen.add(found)
            listed.append(next(x for x in found.layers if any(x is each for each in there)))
    return listed


def in_files(layers: Iterable[Layer]) -> list[Any]:
    """Return layers as a session keeps them: of a whole target the first alone, and all others."""
    listed = list(layers)
    whole = [x for x in listed if set_of(x) is not None and is_whole(x)]
    first = leads(whole)
    return [x for x in listed if x not in whole or x in first]


def raise_all(layers: Any, layer: Layer) -> None:
    """Move a layer, with all others of its target, to the top of a viewer's list."""
    for each in [x for x in layers if any(x is one for one in members(layer))]:
        layers.move(layers.index(each), len(layers))


def is_whole(layer: Layer) -> bool:
    """Return whether no layer of a layer's target is gone."""
    found = set_of(layer)
    return found is None or found.whole


def check_whole(layer: Labels) -> None:
    """Raise SegadvError if a layer of a layer's target is gone."""
    found = set_of(layer)
    if found is not None and not found.whole:
        raise SegadvError(
            f"{found.name}: the layer of {found.missing} was removed or moved; make the target "
            "again"
        )


def numbers_in(layer: Labels, key: Any = ...) -> Array:
    """Return the class numbers that a layer stands for, at some of its pixels.

    They are those of combinations if it is one of a target's; else its own.
    """
    found = set_of(layer)
    if found is not None:
        return found.numbers(key)
    return np.asarray((layer.data[0] if layer.multiscale else layer.data)[key])


def classes_in(layer: Labels) -> tuple[str, ...]:
    """Return the names of the classes of `numbers_in`, background first; empty if unknown."""
    found = set_of(layer)
    return classes_of(layer) if found is None else found.classes


def name_in(layer: Layer) -> str:
    """Return the name of what a layer stands for: that of the target if it is one of several."""
    found = set_of(layer)
    return str(layer.name) if found is None else found.name


def structures_in(layer: Labels) -> dict[int, str]:
    """Return the names of what can be painted, by class number; empty if unknown."""
    found = set_of(layer)
    if found is not None:
        return dict(zip(found.labels, found.structures, strict=True))
    return names_of(layer)


def overlaps(layer: Labels) -> bool:
    """Return whether a layer stands for structures that may overlap."""
    return set_of(layer) is not None or holds_combinations(layer)


def map_of(layer: Labels, label: int) -> Array:
    """Return labels in which a structure is seen whole, whichever other ones overlap it.

    Args:
        layer: the labels.
        label: class number of the structure.
    """
    found = set_of(layer)
    if found is not None:
        own = found.layer_of(label)
        there = np.zeros(layer.data.shape, np.uint8)
        if own is not None:
            there[np.asarray(own.data) != 0] = label
        return there
    labels = numbers_in(layer)
    if label and overlaps(layer):
        labels = np.bitwise_and(labels, labels.dtype.type(label))
    return labels


def structure_at(layer: Labels, point: tuple[int, ...], label: int | None = None) -> int:
    """Return the structure that a click on a pixel means; 0: none.

    Where several overlap, it is the chosen one if it is there, or else the smallest.

    Args:
        layer: the labels.
        point: the pixel.
        label: class number of the chosen structure, if one is.
    """
    number = int(numbers_in(layer, point))
    if not overlaps(layer):
        return number
    here = [1 << k for k in range(number.bit_length()) if number >> k & 1]
    if label in here:
        return int(label or 0)
    return min(here, key=lambda one: np.count_nonzero(map_of(layer, one)), default=0)


def canvas_of(layer: Labels, label: int) -> Labels:
    """Return the layer on which a structure is painted."""
    found = set_of(layer)
    own = None if found is None else found.layer_of(label)
    return layer if own is None else own


def colour_in(layer: Labels, label: int) -> Any:
    """Return the colour of a structure, as napari's `get_color`; None: it has none."""
    return canvas_of(layer, label).get_color(label if set_of(layer) is None else 1)


def structures_named(made: LayerTuple) -> tuple[str, ...]:
    """Return the structures that a labels layer of combinations holds; empty for any other."""
    _, keywords, kind = made
    classes = tuple(keywords.get("features", {}).get("class", ()))
    known = kind == "labels" and are_combinations(classes, untagged)
    return structures_of(classes) if known else ()


def split(made: LayerTuple) -> list[LayerTuple]:
    """Turn a labels layer of combinations into a layer for each structure, which belong together.

    Any other layer stays the only one.
    """
    data, keywords, kind = made
    structures = structures_named(made)
    if not structures:
        return [made]
    found = StructureLayers(structures)
    tuples = []
    for place, name in enumerate(found.structures):
        metadata = {**keywords.get("metadata", {}), PART: (found, place)}
        own = {"metadata": metadata, **look_of(name, 1 << place)}
        if "name" in keywords:
            own["name"] = of_structure(keywords["name"], name)
        tuples.append(((data >> place & 1).astype(np.uint8), {**keywords, **own}, kind))
    return tuples


def structure_of(made: LayerTuple) -> str | None:
    """Return the structure that one of several layers, as `split` makes them, shows."""
    found, place = made[1].get("metadata", {}).get(PART, (None, 0))
    return None if found is None else str(found.structures[place])


def look_of(name: str, label: int) -> dict[str, Any]:
    """Return colours and names of a structure's own layer: all that is not 0 is the structure."""
    shade = (*colour(label), 1.0)
    return {
        "colormap": DirectLabelColormap(color_dict={None: shade, 0: CLEAR, 1: shade}),
        "features": {"index": [0, 1], "class": ["background", untagged(name)]},
    }


def title_of(name: str, structure: str) -> str:
    """Return the name of a structure's layer without that of the structure.

    Examples:
        >>> title_of("1 / target: core", "core")
        '1 / target'
    """
    return name.removesuffix(of_structure("", structure))
