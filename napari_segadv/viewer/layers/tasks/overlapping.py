"""Overlapping structures in the viewer: one labels layer, whose classes are combinations."""

from collections.abc import Sequence
from typing import ClassVar

from napari.layers import Image, Labels, Layer

from ....data.overlapping import Overlapping, are_combinations, numbered
from ....data.scan import Array, Grid, Mask, Scan
from ..own_maps import classes_of, paint_own_maps
from .segmentation import SegmentationView


class OverlappingView(SegmentationView):
    """Predictions are labels layers; a brush or a target shape changes one structure alone."""

    name: ClassVar[str] = "overlapping"

    def follow(self, layers: Sequence[Layer]) -> None:
        for layer in layers:
            if isinstance(layer, Labels):
                paint_own_maps(layer)

    def structures(self, classes: Sequence[str]) -> dict[int, str]:
        return numbered(classes) if are_combinations(classes) else super().structures(classes)

    def mask(self, array: Array, grid: Grid, classes: Sequence[str]) -> Mask:
        return _mask(Mask(array, grid, tuple(classes)))

    def wanted(self, chosen: Labels, beside: Image, scan: Scan) -> Mask:
        return _mask(super().wanted(chosen, beside, scan).named(classes_of(chosen)))


def _mask(mask: Mask) -> Mask:
    """Return labels as overlapping structures if the names of their classes say so."""
    if not are_combinations(mask.classes) or mask.array.max(initial=0) >= len(mask.classes):
        return mask
    return Overlapping(mask.array, mask.grid, mask.classes, made=mask.made)


VIEW = OverlappingView()
