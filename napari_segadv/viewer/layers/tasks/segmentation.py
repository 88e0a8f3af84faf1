"""Segmentation in the viewer: label maps, and targets that are painted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from napari.layers import Image, Labels, Layer

from ....data.scan import Mask, Scan
from ..convert import class_keywords, mask_of, mask_tuple
from ..names import AFTER, CLEAN, KEY, SEE_THROUGH, LayerTuple
from ..structure_layers import leads
from ..task_view import TaskView

if TYPE_CHECKING:
    from ....results.example import Example


class SegmentationView(TaskView):
    """Predictions are labels layers; a target is any other labels layer."""

    name: ClassVar[str] = "segmentation"
    paints: ClassVar[bool] = True
    missing: ClassVar[str] = "choose a target: Make target, or paint one"

    def clean(self, prediction: Mask, scan: Scan) -> LayerTuple:
        data, keywords, kind = mask_tuple(prediction, CLEAN)
        return data, {**keywords, "opacity": SEE_THROUGH}, kind

    def pair(self, example: "Example") -> dict[str, LayerTuple]:
        classes = example.prediction_clean.classes

        def labels(mask: Any, **keywords: Any) -> LayerTuple:
            known = {"metadata": {KEY: mask.grid}, "opacity": SEE_THROUGH, **keywords}
            return mask.array.copy(), {**class_keywords(classes), **known}, "labels"

        return {
            CLEAN: labels(example.prediction_clean, visible=False),
            AFTER: labels(example.prediction_adversarial),
        }

    def choices(self, layers: Sequence[Layer], classes: Sequence[str]) -> list[Any]:
        labels = leads(layer for layer in layers if isinstance(layer, Labels))
        return [*reversed(labels)]

    def wanted(self, chosen: Labels, beside: Image, scan: Scan) -> Mask:
        return mask_of(chosen, beside, scan.grid, "target")

    def legend(self, classes: Sequence[str]) -> str:
        # The panel lists the structures of masks with their sizes.
        return ""


VIEW = SegmentationView()
