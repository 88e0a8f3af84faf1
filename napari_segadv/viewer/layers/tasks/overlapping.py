"""Overlapping structures in the viewer: predictions are one labels layer, targets one for each.

A prediction is looked at: in one layer it is a map of regions in which every border is seen once,
and it is shown, hidden, compared and refilled at once. A target is painted on, structure by
structure.
"""

from collections.abc import Sequence
from typing import ClassVar

from napari.layers import Image, Labels, Layer

from ....common.screen import untagged
from ....data.overlapping import are_combinations, numbered
from ....data.scan import Array, Grid, Mask, Scan
from ..own_maps import as_structures, paint_own_maps
from ..structure_layers import classes_in
from .segmentation import SegmentationView


class OverlappingView(SegmentationView):
    """A brush or a target shape changes one structure alone."""

    name: ClassVar[str] = "overlapping"
    exclusive: ClassVar[bool] = False

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
        return as_structures(super().wanted(chosen, beside, scan).named(classes_in(chosen)))


VIEW = OverlappingView()
