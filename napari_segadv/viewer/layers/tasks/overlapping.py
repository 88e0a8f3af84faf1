"""Overlapping structures in the viewer: one labels layer, whose classes are combinations."""

from collections.abc import Sequence
from typing import ClassVar

from napari.layers import Image, Labels, Layer

from ....common.screen import untagged
from ....data.overlapping import are_combinations, numbered
from ....data.scan import Array, Grid, Mask, Scan
from ..own_maps import as_structures, classes_of, paint_own_maps
from .segmentation import SegmentationView


class OverlappingView(SegmentationView):
    """Predictions are labels layers; a brush or a target shape changes one structure alone."""

    name: ClassVar[str] = "overlapping"

    def follow(self, layers: Sequence[Layer]) -> None:
        for layer in layers:
            if isinstance(layer, Labels):
                paint_own_maps(layer)

    def structures(self, classes: Sequence[str]) -> dict[int, str]:
        known = are_combinations(classes, untagged)
        return numbered(classes) if known else super().structures(classes)

    def mask(self, array: Array, grid: Grid, classes: Sequence[str]) -> Mask:
        return as_structures(Mask(array, grid, tuple(classes)))

    def wanted(self, chosen: Labels, beside: Image, scan: Scan) -> Mask:
        return as_structures(super().wanted(chosen, beside, scan).named(classes_of(chosen)))


VIEW = OverlappingView()
