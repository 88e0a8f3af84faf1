"""Painting on one layer of overlapping structures: a brush changes its own, the others stay.

A target has a layer for each structure, see `structure_layers`. Labels that were opened from a
file, and copies of a prediction, hold all of them, as numbers of their combinations. A stroke of
the brush, the bucket or a polygon adds the selected structure where it paints; the eraser removes
the selected structure, and no other. napari's history takes each stroke back.
"""

import weakref
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from napari.layers import Labels

from ...common.screen import untagged
from ...data.overlapping import Overlapping, are_combinations, combinations, structures_of
from ...data.scan import Array, Mask
from .class_names import classes_of

# Where napari writes a stroke: since 0.9 by this method, before that by `data_setitem`.
BY_MASK = "_paint_region_with_mask"
_FOLLOWED: "weakref.WeakSet[Labels]" = weakref.WeakSet()


def holds_combinations(layer: Labels) -> bool:
    """Return whether a layer alone holds all of several structures that may overlap.

    The names of its classes tell.
    """
    return are_combinations(classes_of(layer), untagged)


def as_structures(mask: Mask) -> Mask:
    """Return labels as overlapping structures if the names of their classes say so."""
    known = are_combinations(mask.classes, untagged)
    if not known or mask.array.max(initial=0) >= len(mask.classes):
        return mask
    # The names of combinations may be shortened for the screen.
    names = combinations(structures_of(mask.classes))
    return Overlapping(mask.array, mask.grid, names, made=mask.made)


def stroke(before: Array, value: int, selected: int) -> Array:
    """Return what a stroke makes of combinations.

    Args:
        before: the combinations where it paints.
        value: what napari would write there: the selected class, or 0 for the eraser.
        selected: the selected class.

    Examples:
        >>> stroke(np.array([0, 1, 2, 3]), 2, 2), stroke(np.array([0, 1, 2, 3]), 0, 2)
        (array([2, 3, 2, 3]), array([0, 1, 0, 1]))
    """
    painted: Array = before | value if value else before & ~np.array(selected, before.dtype)
    return painted


def paint_own_maps(layer: Labels) -> None:
    """Let strokes on a layer change single structures as long as it holds overlapping ones."""
    if layer in _FOLLOWED:
        return
    _FOLLOWED.add(layer)
    kept = weakref.ref(layer)

    def data_setitem(indices: Any, value: Any, refresh: bool = True) -> None:
        own = kept()
        if own is None:
            return
        # What a target shape writes are whole labels, an array of them.
        if np.ndim(value) == 0 and holds_combinations(own):
            value = stroke(np.asarray(own.data[indices]), int(value), own.selected_label)
        type(own).data_setitem(own, indices, value, refresh)

    def by_mask(
        slice_key: Any, mask: Array, new_label: int, dims_to_paint: Any, *given: Any, **more: Any
    ) -> None:
        own = kept()
        if own is None:
            return
        whole = getattr(type(own), BY_MASK)
        if not holds_combinations(own):
            whole(own, slice_key, mask, new_label, dims_to_paint, *given, **more)
            return
        others = tuple(axis for axis in range(own.ndim) if axis not in dims_to_paint)
        before = np.squeeze(np.asarray(own.data[slice_key]), others)
        after = stroke(before, int(new_label), own.selected_label)
        with _one_step(own):
            for value in np.unique(after[mask & (after != before)]).tolist():
                part = mask & (after == value)
                whole(own, slice_key, part, value, dims_to_paint, *given, **more)

    layer.__dict__["data_setitem"] = data_setitem
    if hasattr(type(layer), BY_MASK):
        layer.__dict__[BY_MASK] = by_mask


def _one_step(layer: Labels) -> AbstractContextManager[None]:
    """Return what makes one step of the history of several, or a part of one that is open."""
    blocked = bool(getattr(layer, "_block_history", False))
    return nullcontext() if blocked else layer.block_history()
