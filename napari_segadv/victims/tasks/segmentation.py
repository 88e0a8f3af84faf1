"""Segmentation: a class for every pixel, mapped back to the scan's grid."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from ... import io
from ...common.wording import percent, share
from ...data.scan import Array, Grid, Mask, Scan
from ...errors import SegadvError
from ...io.registry import check_label_map
from ...measures.labels import overlaps
from ..bound import BoundVictim
from ..pipeline import Pipeline
from ..preprocessing.chain import DATA_DEPENDENT
from ..task import Task
from ..windows import one_pass, slices, sliding

# Slices of a volume that go through a 2-D network at a time.
SLICES_AT_A_TIME = 4


class BoundSegmentation(BoundVictim):
    """A class for every pixel of the scan's grid: S' = S. Class 0 is the background."""

    def check(self, victim: Pipeline, scan: Scan) -> None:
        if victim.dims == 2 and scan.grid.ndim == 3 and not victim.volumewise:
            cut = [step.name for step in victim.steps if step.name in DATA_DEPENDENT]
            if cut:
                raise SegadvError(
                    f"{victim.name}: crops each slice by its content ({cut[0]}), so it can't be "
                    "used on a volume; save one slice as an image"
                )

    def default_name(self, label: int) -> str:
        return super().default_name(label) if label else "background"

    def logits(self, images: Tensor) -> Tensor:
        if not self.by_slice:
            return self._whole(images, self._sliding)
        n, _, depth = images.shape[:3]
        flat = images.transpose(1, 2).flatten(0, 1)
        if self.victim.windows is None:

            def network(x: Tensor) -> Tensor:
                return self._whole(x, self._network)

            z = slices(flat, network, SLICES_AT_A_TIME, self.passes, self.recall)
        else:
            z = self._whole(flat, self._sliding)
        stacked: Tensor = z.unflatten(0, (n, depth))
        return stacked.transpose(1, 2)

    def prediction(self, images: Tensor) -> Mask:
        logits = self.checked(self(images))
        labels = logits[0].max(0).indices
        kind = np.uint8 if logits.shape[1] <= 256 else np.uint16
        names = self.class_names(logits)
        return Mask(labels.cpu().numpy().astype(kind), self.scan.grid, names)

    def _whole(self, images: Tensor, run: Callable[[Tensor], Tensor]) -> Tensor:
        """Preprocess, predict and map back images that have the network's number of dimensions."""
        z = self.chain.backward(self.victim.head.logits(run(self.prepared(images))))
        if not self.victim.array_order:
            z = z.permute(0, 1, *range(z.ndim - 1, 1, -1))
        return z

    def _sliding(self, x: Tensor) -> Tensor:
        if self.victim.windows is None:
            return one_pass(x, self._network, self.passes)
        return sliding(x, self._network, self.victim.windows, self.passes, self.recall)

    def _network(self, x: Tensor) -> Tensor:
        """Return the network's output, which must have the pixels of its input."""
        y = self.victim.head.chosen(self.output(x))
        if y.shape[2:] != x.shape[2:]:
            remedy = "only networks that keep the size are supported"
            if y.shape[2:].numel() == 1:
                remedy = 'if it predicts a class for the whole image, set "task": "classification"'
            raise SegadvError(
                f"{self.victim.name}: the network turns {tuple(x.shape[2:])} pixels into "
                f"{tuple(y.shape[2:])}; {remedy}"
            )
        return y


class Segmentation(Task[Mask]):
    """A class for every pixel, mapped back to the scan's grid."""

    name: ClassVar[str] = "segmentation"
    words: ClassVar[tuple[str, ...]] = ("segmentation",)
    ending: ClassVar[str] = ".nii.gz"
    bound: ClassVar[type[BoundVictim]] = BoundSegmentation

    def wanted(self, given: Any, role: str, scan: Scan, victim: Pipeline) -> Mask:
        return io.renumbered(io.mask_for(given, scan, role), victim.classes)

    def measure(
        self,
        before: Mask,
        after: Mask,
        *,
        target: Mask | None,
        truth: Mask | None,
        care: Mask | None,
    ) -> dict[str, Any]:
        return overlaps(before, after, target=target, truth=truth, care=care)

    def save(self, prediction: Mask, path: Path) -> None:
        io.save_mask(prediction, path)

    def load(
        self, path: Path, grid: Grid, classes: tuple[str, ...], exact: Mapping[str, Array]
    ) -> Mask:
        array = io.read_mask(path).array
        if array.shape != grid.shape:
            raise SegadvError(
                f"{path}: has shape {array.shape} but its image has {grid.shape}, so it belongs to "
                "another image; restore it from a copy"
            )
        if int(array.max(initial=0)) >= len(classes):
            raise SegadvError(
                f"{path}: holds class {array.max()} but there are only {len(classes)} classes, so "
                "it is damaged; restore it from a copy"
            )
        return Mask(array.astype(np.uint8 if len(classes) <= 256 else np.uint16), grid, classes)

    def check_output(self, path: Path) -> None:
        check_label_map(path)

    def headline(self, before: Mask, after: Mask, measures: Mapping[str, Any]) -> str:
        if measures["target_iou"] is None:
            return ""
        # The IoU of a target without structures says nothing: one pixel left over makes it 0.
        drawn = bool(measures["target_iou_per_class"])
        iou = share(measures["target_iou"]) if drawn else "\N{EN DASH}"
        return (
            f"target IoU {iou}, changed as asked "
            f"{percent(measures['moved'])}, left intact {percent(measures['kept'])}"
        )


TASK = Segmentation()
