"""Segmentation: a class for every pixel, brought back onto the scan's own grid."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from torch import Tensor

from ... import io
from ...errors import SegadvError
from ...io.registry import check_label_map
from ...measures import overlaps
from ...scan import Array, Grid, Mask, Scan
from ...wording import percent, share
from ..chain import DATA_DEPENDENT
from ..heads import tensor_of
from ..task import Task
from ..windows import one_pass, slices, sliding

if TYPE_CHECKING:
    from ..victim import Model, Victim

# Slices of a volume that go through a 2-D network at a time.
SLICES_AT_A_TIME = 4


class Segmentation(Task[Mask]):
    """A class for every pixel of the scan's grid: S' = S. Class 0 is the background."""

    name: ClassVar[str] = "segmentation"
    words: ClassVar[tuple[str, ...]] = ("segmentation",)
    ending: ClassVar[str] = ".nii.gz"

    def check(self, victim: "Victim", scan: Scan) -> None:
        if victim.dims == 2 and scan.grid.ndim == 3:
            cut = [step.name for step in victim.steps if step.name in DATA_DEPENDENT]
            if cut:
                raise SegadvError(
                    f"{victim.name}: crops each slice by its content ({cut[0]}), so it can't be "
                    "used on a volume; save the slice as an image"
                )

    def logits(self, model: "Model", images: Tensor) -> Tensor:
        if not model.by_slice:
            return _whole(model, images, lambda x: _windowed(model, x))
        n, _, depth = images.shape[:3]
        flat = images.transpose(1, 2).flatten(0, 1)
        if model.victim.windows is None:

            def network(x: Tensor) -> Tensor:
                return _whole(model, x, lambda piece: _network(model, piece))

            z = slices(flat, network, SLICES_AT_A_TIME, model.passes, model.recall)
        else:
            z = _whole(model, flat, lambda x: _windowed(model, x))
        stacked: Tensor = z.unflatten(0, (n, depth))
        return stacked.transpose(1, 2)

    def predict(self, model: "Model", images: Tensor) -> Mask:
        logits = model.checked(model(images))
        labels = logits[0].max(0).indices
        kind = np.uint8 if logits.shape[1] <= 256 else np.uint16
        names = model.class_names(logits)
        return Mask(labels.cpu().numpy().astype(kind), model.scan.grid, names)

    def wanted(self, given: Any, role: str, scan: Scan, victim: "Victim") -> Mask:
        return io.mask_for(given, scan, role)

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
                f"{path}: has shape {array.shape}, but its image {grid.shape}; it is of another one"
            )
        if int(array.max(initial=0)) >= len(classes):
            raise SegadvError(
                f"{path}: holds class {array.max()}, but there are {len(classes)} classes; it is "
                "damaged, so restore it from a copy"
            )
        return Mask(array.astype(np.uint8 if len(classes) <= 256 else np.uint16), grid, classes)

    def check_output(self, path: Path) -> None:
        check_label_map(path)

    def headline(self, before: Mask, after: Mask, measures: Mapping[str, Any]) -> str:
        if measures["target_iou"] is None:
            return ""
        return (
            f"target IoU {share(measures['target_iou'])}, moved {percent(measures['moved'])}, "
            f"kept {percent(measures['kept'])}"
        )


def _whole(model: "Model", images: Tensor, run: Callable[[Tensor], Tensor]) -> Tensor:
    """Preprocessing, network and the way back, for images of the network's dimension."""
    z = model.chain.backward(model.victim.head.logits(run(model.prepared(images))))
    if not model.victim.array_order:
        z = z.permute(0, 1, *range(z.ndim - 1, 1, -1))
    return z


def _windowed(model: "Model", x: Tensor) -> Tensor:
    if model.victim.windows is None:
        return one_pass(x, lambda piece: _network(model, piece), model.passes)
    windows = model.victim.windows
    return sliding(x, lambda piece: _network(model, piece), windows, model.passes, model.recall)


def _network(model: "Model", x: Tensor) -> Tensor:
    """The network's output on the pixels that it was given."""
    y = tensor_of(model.output(x))
    if y.shape[2:] != x.shape[2:]:
        remedy = "only networks that keep the size are supported"
        if y.shape[2:].numel() == 1:
            remedy = 'if it names a class for the whole image, say "task": "classification"'
        raise SegadvError(
            f"{model.victim.name}: the network turns {tuple(x.shape[2:])} pixels into "
            f"{tuple(y.shape[2:])}; {remedy}"
        )
    return y


TASK = Segmentation()
