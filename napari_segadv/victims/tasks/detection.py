"""Detection: boxes around findings, from the classes of a RetinaNet's anchors."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from ...attacks.problem import Problem
from ...common.tensors import per_item
from ...common.wording import share
from ...data.boxes import NOTHING, Boxes, f1, matches
from ...data.scan import Array, Grid, Mask, Scan
from ...errors import SegadvError
from ...io.boxes import boxes_of, exact_boxes, loaded_boxes, read_boxes, write_boxes
from ...measures.labels import TARGET_FIGURES, away, moved_and_kept
from ..bound import BoundVictim
from ..detections import Found, anchor_labels, detected
from ..pipeline import Pipeline
from ..task import Task, number_in

# A class is predicted if its logit is above the background's 0.
LEAST_SCORE = 0.5


class OfAnchors(Problem):
    """A problem whose cells are anchors: without a target, only anchors that show a box count.

    Moving away from the truth means moving away from its boxes. The thousands of anchors that show
    no box would otherwise outweigh the others, and the attack would make them show one.
    """

    @cached_property
    def weights(self) -> Tensor:
        if self.targeted:
            return super().weights
        shows = (self.labels != 0).to(self.clean)
        return shows / per_item(shows.flatten(1).sum(1).clamp_min(1), shows)


class BoundDetection(BoundVictim):
    """Boxes: S' are the anchors (A,), and their class logits are [0, z_1, .., z_k].

    The z are the network's sigmoid logits. The likeliest class is therefore the one that the
    detector finds at a score threshold of 0.5, and an anchor of class 0 shows no box.
    """

    def check(self, victim: Pipeline, scan: Scan) -> None:
        from ..detector import Detector

        if not isinstance(victim.network, Detector):
            raise SegadvError(
                f"{victim.name}: its task is detection but its network has no anchors; wrap it in "
                "victims.detector.Detector"
            )
        if victim.dims == 2 and scan.grid.ndim != 2:
            raise SegadvError(
                f"{scan.name}: {victim.name} detects on 2-D images only; save one slice as an image"
            )

    def default_name(self, label: int) -> str:
        return super().default_name(label) if label else "background"

    def logits(self, images: Tensor) -> Tensor:
        return Found.by(self, images).logits

    def prediction(self, images: Tensor) -> Boxes:
        return detected(self, images, LEAST_SCORE)


class Detection(Task[Boxes]):
    """Boxes around findings, from the classes of a RetinaNet's anchors."""

    name: ClassVar[str] = "detection"
    words: ClassVar[tuple[str, ...]] = ("detection", "detector")
    problem: ClassVar[type[Problem]] = OfAnchors
    ending: ClassVar[str] = ".json"
    bound: ClassVar[type[BoundVictim]] = BoundDetection

    def wanted(self, given: Any, role: str, scan: Scan, victim: Pipeline) -> Boxes:
        if isinstance(given, Boxes):
            if given.grid.shape != scan.grid.shape:
                raise SegadvError(
                    f"{given.path or role}: the boxes are for an image of {given.grid.shape} "
                    f"pixels, but {scan.name} has {scan.grid.shape}; use boxes made for it"
                )
            return given
        text = str(given)
        if text == NOTHING:
            return Boxes.of([], [], scan.grid, victim.classes)
        if text.startswith(f"{NOTHING}:"):
            gone = tuple(label_of(n, role, victim) for n in text.partition(":")[2].split(","))
            return replace(Boxes.of([], [], scan.grid, victim.classes), without=gone)
        if isinstance(given, list):
            return boxes_of(given, scan.grid, victim.classes, role)
        if not isinstance(given, (str, Path)):
            raise SegadvError(f"{role}: {victim.name} predicts boxes; give Boxes or a JSON file")
        return read_boxes(Path(given), scan.grid, victim.classes)

    def fitted(self, wanted: Boxes, reference: Boxes) -> Boxes:
        """Turn wanted boxes into classes of the anchors behind the prediction `reference`."""
        if wanted.without:
            left = reference.pick(~np.isin(reference.labels, wanted.without))
            wanted = replace(left, scores=left.scores[:0])
        assert reference.anchors is not None
        anchors = replace(reference.anchors, labels=anchor_labels(wanted, reference))
        return replace(wanted, anchors=anchors)

    def measure(
        self,
        before: Boxes,
        after: Boxes,
        *,
        target: Boxes | None,
        truth: Boxes | None,
        care: Mask | None,
    ) -> dict[str, Any]:
        """Compare two predictions.

        `moved` and `kept` count anchors; the other figures count boxes at an IoU of 0.5.
        """
        figures: dict[str, Any] = dict.fromkeys((*TARGET_FIGURES, "iou_with_clean"))
        found, clean = after.array, before.array
        if target is not None:
            wanted = self.fitted(target, before).array
            figures["moved"], figures["kept"] = moved_and_kept(found, wanted, clean)
        elif truth is not None or clean.any():
            right = clean if truth is None else self.fitted(truth, before).array
            figures["moved"] = away(found, right)
        kept = len(matches(after, before))
        figures |= {
            "boxes_clean": before.count,
            "boxes_kept": kept,
            "boxes_removed": before.count - kept,
            "boxes_added": after.count - kept,
        }
        if target is not None:
            wanted_boxes = self.fitted(target, before)
            hit = len(matches(after, wanted_boxes))
            figures |= {
                "target_boxes": wanted_boxes.count,
                "target_boxes_found": hit,
                "target_f1": f1(after, wanted_boxes),
            }
        if truth is not None:
            right_boxes = self.fitted(truth, before)
            figures["f1_with_truth"] = f1(after, right_boxes)
            figures["f1_with_truth_clean"] = f1(before, right_boxes)
        return figures

    def record(self, prediction: Boxes) -> dict[str, Any] | None:
        return {"boxes": prediction.data}

    def save(self, prediction: Boxes, path: Path) -> None:
        write_boxes(prediction, path)

    def exact(self, prediction: Boxes) -> dict[str, Array]:
        return exact_boxes(prediction)

    def load(
        self, path: Path, grid: Grid, classes: tuple[str, ...], exact: Mapping[str, Array]
    ) -> Boxes:
        return loaded_boxes(path, grid, classes, exact)

    def check_output(self, path: Path) -> None:
        if path.suffix != ".json":
            raise SegadvError(f"{path}: boxes are written as .json; use that ending")

    def listing(self, prediction: Boxes) -> str:
        return ", ".join(prediction.texts) or "no boxes"

    def headline(self, before: Boxes, after: Boxes, measures: Mapping[str, Any]) -> str:
        m = measures
        wanted = f"target F1 {share(m['target_f1'])}, " if "target_f1" in m else ""
        return wanted + (
            f"of {m['boxes_clean']} boxes {m['boxes_kept']} kept and {m['boxes_removed']} "
            f"removed, {m['boxes_added']} added"
        )

    def caption(self, prediction: Boxes) -> str:
        return f"{prediction.count} box" + ("es" if prediction.count != 1 else "")


def label_of(name: str, role: str, victim: Pipeline) -> int:
    """Return the number of a class, given by number or name.

    Raises:
        SegadvError: if the victim has no such class.
    """
    folded = [known.casefold() for known in victim.classes]
    text = name.strip().casefold()
    label = number_in(text) or (folded.index(text) if text in folded else 0)
    if label < 1:
        known = ", ".join(f"{n} {k}" for n, k in enumerate(victim.classes) if n)
        raise SegadvError(
            f"{role}: {victim.name} has no class {name.strip()[:40]}; it knows {known}"
        )
    return label


TASK = Detection()
