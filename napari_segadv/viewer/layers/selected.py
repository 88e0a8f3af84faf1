"""The layers that a user has selected in napari's list."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def selection_kept(layers: Any) -> Iterator[None]:
    """Leave a viewer's selection as it is: napari would select each layer that is added.

    If nothing is left of it, what was added stays selected.
    """
    chosen, active = set(layers.selection), layers.selection.active
    yield
    left = {layer for layer in chosen if layer in layers}
    if left:
        layers.selection = left
        layers.selection.active = active if active in left else None
