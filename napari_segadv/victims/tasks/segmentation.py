"""Segmentation: a class for every pixel, mapped back to the scan's grid."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ... import io
from ...common.wording import percent, share
from ...data.scan import Array, Grid, Mask, Scan
from ...errors import SegadvError
from ...io.registry import check_label_map
from ...measures.labels import overlaps
from .. import context
from ..bound import BoundVictim
from ..decision import Decision
from ..pipeline import Pipeline, owner
from ..preprocessing.chain import DATA_DEPENDENT, all_steps
from ..preprocessing.guidance import is_shown
from ..recall import Recall
from ..task import Task
from ..windows import Passes, middle, one_pass, slices, sliding

# Slices of a volume that go through a 2-D network at a time.
SLICES_AT_A_TIME = 4


class BoundSegmentation(BoundVictim):
    """A class for every pixel of the scan's grid: S' = S. Class 0 is the background."""

    # What the network saw in the last prediction, until what its windows hide is measured.
    _noted: context.Seen | None = None
    _noting = _asked = False

    def check(self, victim: Pipeline, scan: Scan) -> None:
        if victim.dims == 2 and scan.grid.ndim == 3 and not victim.volumewise:
            cut = [one.name for one in all_steps(victim.steps) if one.name in DATA_DEPENDENT]
            if cut:
                raise SegadvError(
                    f"{victim.name}: crops each slice by its content ({cut[0]}), so it can't be "
                    "used on a volume; save one slice as an image"
                )
            if is_shown(victim.steps):
                raise SegadvError(
                    f"{victim.name}: is shown clicks on a single image, but {scan.name} is a "
                    "volume; save one slice as an image"
                )

    def default_name(self, label: int) -> str:
        return super().default_name(label) if label else "background"

    def logits(self, images: Tensor) -> Tensor:
        return self._through(images, lambda z: self.decision.back(self.chain, z), self.recalled)

    def sample(self) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        image = self.image[:, :, self.image.shape[2] // 2] if self.by_slice else self.image
        with torch.no_grad():
            x = self.prepared(image)
        windows = self.victim.windows
        if windows is not None:
            x = middle(x, windows)
        return x, lambda part: self._scores(self._network(part))

    def prediction(self, images: Tensor) -> Mask:
        logits = self._noted_logits(images)
        labels = logits.argmax(1)
        if self.decision.before:
            # Tidied up on the network's grid, which the logits above have left.
            found = self._through(images, lambda z: self.decision.mapped_labels(self.chain, z))
            labels = found[:, 0].long()
        labels = self._tidied(labels)[0]
        kind = np.uint8 if logits.shape[1] <= 256 else np.uint16
        names = self.class_names(logits)
        return Mask(labels.cpu().numpy().astype(kind), self.scan.grid, names)

    def _noted_logits(self, images: Tensor) -> Tensor:
        """Return checked logits; note what the network has seen, if its windows are not known."""
        windows = self.victim.windows
        known = windows is None or context.KNOWN.get(owner(self.victim.network), windows)
        self._noting = known is None and not self._asked and len(images) == 1
        logits = self.checked(self(images))
        self._noting = False
        return logits

    @property
    def decides(self) -> bool:
        return self.decision.tidies

    def decide(self, logits: Tensor) -> Tensor:
        """Return label maps (N, *S) of logits (N, K, *S), near to those of `prediction`."""
        if not self.decision.tidies:
            return logits.argmax(1)
        return self._tidying(logits, self.decision.decided)

    def agreement(self, prediction: Mask) -> float | None:
        """Compare the scan's prediction with what the victim's own pipeline predicts.

        Returns:
            Of the pixels with a structure in either, the share with the same class; None if there
            is no other pipeline to compare with.
        """
        own = self.victim.own
        if own is None or self.by_slice:
            return None
        image, affine = self._framed()
        mask = own(self.victim.network, image, affine, self._files())
        if mask is None:
            raise SegadvError("it does not end in a mask on the image's grid")
        if not self.victim.array_order:
            mask = mask.permute(*range(mask.ndim - 1, -1, -1))
        theirs = mask.cpu().numpy()
        on = (theirs != 0) | (prediction.array != 0)
        return float((theirs == prediction.array)[on].mean()) if on.any() else 1.0

    def window_notes(self) -> tuple[str, ...]:
        windows, network = self.victim.windows, owner(self.victim.network)
        if windows is None:
            return ()
        notes = context.KNOWN.get(network, windows)
        if notes is None:
            (seen, self._noted), self._asked = (self._noted, None), True
            if seen is None:
                return ()
            passes = Passes(on_piece=self.passes.on_piece)
            share = context.agreement(seen, self._network, self._classes, windows, passes)
            notes = context.told(share, windows, seen.x.shape[2:])
            if notes:
                context.KNOWN.put(network, windows, notes)
        return notes

    @property
    def decision(self) -> Decision:
        return self.victim.decision.of(self.victim.head.activation)

    def _tidied(self, labels: Tensor) -> Tensor:
        if not self.decision.after:
            return labels
        return self._tidying(labels, self.decision.tidied, channels=0)

    def _tidying(
        self,
        values: Tensor,
        function: Callable[[Tensor, Sequence[float]], Tensor],
        channels: int = 1,
        kept: int = 0,
    ) -> Tensor:
        """Tidy up what the victim sees as images, in its own order of axes.

        Args:
            values: on the scan's grid.
            function: called with the values and the spacing of their pixels, in mm.
            channels: how many axes of the values lie before the pixels', without the images'.
            kept: how many of the result.
        """
        dims = self.scan.grid.ndim - self.by_slice
        spacing = tuple(self.scan.grid.spacing)[-dims:]

        def turned(x: Tensor, axes: int) -> Tensor:
            if self.victim.array_order:
                return x
            return x.permute(*range(1 + axes), *range(x.ndim - 1, axes, -1))

        def run(x: Tensor) -> Tensor:
            return turned(function(turned(x, channels), spacing), kept)

        return self._by_image(values, run, channels)

    def _by_image(
        self, values: Tensor, function: Callable[[Tensor], Tensor], channels: int = 1
    ) -> Tensor:
        """Apply a function to what the victim sees as images: volumes, or the slices of one."""
        if not self.by_slice:
            return function(values)
        n, depth = len(values), values.shape[1 + channels]
        slices_first = values.movedim(1 + channels, 1).flatten(0, 1)
        found: Tensor = function(slices_first).unflatten(0, (n, depth))
        return found

    def _through(
        self, images: Tensor, back: Callable[[Tensor], Tensor], recall: Recall | None = None
    ) -> Tensor:
        """Preprocess images, predict class logits, and map them back by a function."""
        if not self.by_slice:
            return self._whole(images, self._slid(recall), back)
        n, _, depth = images.shape[:3]
        flat = images.transpose(1, 2).flatten(0, 1)
        if self.victim.windows is None:

            def network(x: Tensor) -> Tensor:
                return self._whole(x, self._network, back)

            z = slices(flat, network, SLICES_AT_A_TIME, self.passes, recall, self.graphs)
        else:
            z = self._whole(flat, self._slid(recall), back)
        stacked: Tensor = z.unflatten(0, (n, depth))
        return stacked.transpose(1, 2)

    def _whole(
        self,
        images: Tensor,
        run: Callable[[Tensor], Tensor],
        back: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """Preprocess, predict and map back images that have the network's number of dimensions."""
        x = self.prepared(images)
        output = run(x)
        if self._noting:
            self._noted = context.Seen(x, self._classes(output).to(torch.int16))
        z = back(self._scores(output))
        if not self.victim.array_order:
            z = z.permute(0, 1, *range(z.ndim - 1, 1, -1))
        return z

    def _scores(self, output: Tensor) -> Tensor:
        """Turn the network's output into logits on the network's grid."""
        return self.victim.head.logits(output)

    def _classes(self, output: Tensor) -> Tensor:
        """Return the classes (N, *S) that the network's output says on its own grid."""
        return self._scores(output).argmax(1)

    def _slid(self, recall: Recall | None) -> Callable[[Tensor], Tensor]:
        """Return the network as it slides over what it sees."""
        windows = self.victim.windows
        if windows is None:
            return lambda x: one_pass(x, self._network, self.passes)
        return lambda x: sliding(x, self._network, windows, self.passes, recall, self.graphs)

    def _network(self, x: Tensor) -> Tensor:
        """Return the network's output, which must have the pixels of its input, or be `coarse`."""
        y = self.victim.head.chosen(self.output(x))
        if y.shape[2:] != x.shape[2:] and not (self.victim.coarse and y.ndim == x.ndim):
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
    figures: ClassVar[Callable[..., dict[str, Any]]] = staticmethod(overlaps)

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
        return self.figures(before, after, target=target, truth=truth, care=care)

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
