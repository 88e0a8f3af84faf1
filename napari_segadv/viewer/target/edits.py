"""Writes new labels into a layer as one step of its history, without blocking the window."""

from collections.abc import Iterable, Iterator

import numpy as np
from napari.layers import Labels

from ...data.scan import Array
from ...errors import SegadvError

# Pixels that are written at once: more would block the window.
SIZE = 200_000

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
