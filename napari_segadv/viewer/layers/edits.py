"""Writes new labels into a layer as one step of its history, without blocking the window."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext

import numpy as np
from napari.layers import Image, Labels, Layer

from ...data.scan import Array, Grid, Scan
from ...errors import SegadvError
from .names import KEY, PART, LayerTuple
from .places import grid_from, matrix_in_mm, same_place
from .refill import takes
from .structure_layers import set_of, structures_named

# Pixels that are written at once: more would block the window.
SIZE = 200_000

# Pixels that are compared at once.
AT_ONCE = 4_000_000

ONE = np.uint8(1)

# Indices along each axis and the labels there, as `Labels.data_setitem` takes them.
Piece = tuple[tuple[Array, ...], Array]


def pieces(new: Array, old: Array) -> list[Piece]:
    """Return where labels differ and what they become, for `Labels.data_setitem`.

    Raises:
        SegadvError: if the old labels' type can't hold the new ones.
    """
    flat = np.flatnonzero(new != old)
    values = new.ravel()[flat]
    most = np.iinfo(old.dtype).max
    if values.size and int(values.max()) > most:
        raise SegadvError(
            f"the layer's type holds class numbers up to {most}; convert it to a larger type"
        )
    values = values.astype(old.dtype)
    return [
        (np.unravel_index(flat[i : i + SIZE], old.shape), values[i : i + SIZE])
        for i in range(0, len(flat), SIZE)
    ]


def written(layer: Labels, changes: Iterable[Piece]) -> Iterator[None]:
    """Write one piece at each step; undo takes all of them back at once."""
    with layer.block_history():
        for piece in changes:
            layer.data_setitem(*piece, refresh=False)
            yield
    layer.refresh(extent=False)


def written_together(changes: Sequence[tuple[Labels, Iterable[Piece]]]) -> Iterator[None]:
    """Write pieces into several layers of a target; undo takes all of them back at once."""
    found = set_of(changes[0][0])
    with nullcontext() if found is None else found.step():
        for layer, own in changes:
            yield from written(layer, own)


def takes_target(layer: Labels, image: Image, made: LayerTuple) -> bool:
    """Return whether a target on an image can be painted over with another one.

    Args:
        layer: of the target; of one with a layer for each structure, any.
        image: the image.
        made: the other one, in one layer.
    """
    found, structures = set_of(layer), structures_named(made)
    if found is None or not structures:
        return found is None and not structures and takes(layer, image, made)
    same = structures == found.structures and found.whole
    return same and all(takes(each, image, made) for each in found.layers)


def repainted(layer: Labels, made: LayerTuple) -> Iterator[None]:
    """Paint other labels over a layer's own, a part at each step; undo takes all back at once.

    Args:
        layer: of labels in memory; one of several of a target stands for all.
        made: labels of the same shape and type, with the colours and names of their classes.
    """
    data, keywords, _ = made
    found = set_of(layer)
    if found is not None:
        with found.step():
            for label, each in zip(found.labels, found.layers, strict=True):
                each.metadata = {**keywords["metadata"], PART: (found, found.place(each))}
                yield from written(each, _differences((data & label != 0) * ONE, each.data))
        return
    for name in ("colormap", "features", "metadata"):
        if name in keywords:
            setattr(layer, name, keywords[name])
    yield from written(layer, _differences(data, layer.data))


def _differences(new: Array, old: Array) -> Iterator[Piece]:
    """Yield where labels differ and what they become, from the first slice or row on."""
    rows = max(1, AT_ONCE // max(1, new[:1].size))
    for first in range(0, len(new), rows):
        part = slice(first, first + rows)
        for where, values in pieces(new[part], old[part]):
            yield (where[0] + first, *where[1:]), values


def grid_of(layer: Labels, layers: Iterable[Layer]) -> Grid:
    """Return the grid of a labels layer.

    It is the layer's own if known, else that of an image of the same pixels, else the one that
    the layer's place in the viewer gives.
    """
    shape, known = layer.data.shape, layer.metadata.get(KEY)
    if isinstance(known, Grid) and known.shape == shape:
        return known
    for image in layers:
        scan = image.metadata.get(KEY)
        if isinstance(scan, Scan) and scan.grid.shape == shape and same_place(layer, image):
            return scan.grid
    return grid_from(matrix_in_mm(layer), shape)
