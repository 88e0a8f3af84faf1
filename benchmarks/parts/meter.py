"""Images with targets, measures of a prediction on them, and a model that counts its passes."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from napari_segadv import load_victim, targets
from napari_segadv.attacks import Problem
from napari_segadv.attacks.problem import Model
from napari_segadv.data.scan import Mask
from napari_segadv.measures.labels import Overlap, moved_and_kept
from napari_segadv.samples import phantom

VICTIM = "chest-xray"
HEART = 1
# No victim was trained or measured on phantoms from this seed on.
FIRST_SEED = 30_000
TARGETS: dict[str, Callable[[Mask], Mask]] = {
    "heart": lambda clean: targets.heart(clean, label=HEART, size=0.6),
    "erase": lambda clean: targets.erase(clean, label=HEART),
}
# The share of the pixels at target that counts as success.
GOAL = 0.99


def cases(images: int, names: list[str], device: str) -> list["Case"]:
    """Return the first phantoms, each with each target."""
    victim = load_victim(f"demo:{VICTIM}")
    found = []
    for seed in range(FIRST_SEED, FIRST_SEED + images):
        scan, _ = phantom(VICTIM, seed)
        model = victim.on(scan, device)
        clean = victim.predict(scan, device)
        for name in names:
            labels, reference = (
                torch.from_numpy(mask.array).long()[None].to(device)
                for mask in (TARGETS[name](clean), clean)
            )
            found.append(Case(name, seed, Problem(model, model.image, labels, reference)))
    return found


@dataclass(frozen=True)
class Case:
    """One image with one target.

    Attributes:
        name: name of the target.
        seed: seed of the phantom.
        problem: the case as tensors, N = 1.
    """

    name: str
    seed: int
    problem: Problem

    @cached_property
    def maps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Target, clean prediction, and the pixels where either has a structure."""
        labels, reference = (
            t[0].cpu().numpy() for t in (self.problem.labels, self.problem.reference)
        )
        return labels, reference, (labels != 0) | (reference != 0)

    def iou(self, prediction: np.ndarray) -> float:
        """Return the mean IoU of the target's structures.

        A target that erases a structure holds only background there, so for such a target the
        background counts as one more structure.
        """
        overlap = Overlap.of(prediction, self.maps[0])
        labels = [0, *overlap.structures] if self.problem.erases else overlap.structures
        return statistics.mean(overlap.iou(label) for label in labels)

    def shares(self, prediction: np.ndarray) -> dict[str, float]:
        """Return two shares: of the structures' pixels at target; the smaller of moved and kept."""
        target, clean, care = self.maps
        hits = (prediction == target)[care]
        return {
            "structures": float(hits.mean()),
            "moved and kept": min(moved_and_kept(prediction, target, clean)),
        }

    def predict(self, images: Tensor) -> np.ndarray:
        """Return the label map of an image (1, C, *S), by a pass that is not counted."""
        with torch.no_grad():
            return labels_of(self.problem.model(images))

    def within(self, images: Tensor, epsilon: float) -> Tensor:
        """Return the image within the budget that is nearest to the given one."""
        clean = self.problem.clean
        return clean + (images - clean).clamp(-epsilon, epsilon)

    def linf(self, images: Tensor) -> float:
        return float((images - self.problem.clean).abs().max())

    def l2(self, images: Tensor) -> float:
        return float((images.double() - self.problem.clean.double()).norm())


def labels_of(logits: Tensor) -> np.ndarray:
    """Return the label map of the first item's logits."""
    return logits[0].detach().argmax(0).cpu().numpy()


class Meter:
    """A model that counts its passes.

    Attributes:
        model: the model that it wraps.
        look: called with the images and logits of each pass.
        before: called before each forward pass.
        forward, backward: passes through the network so far.
    """

    def __init__(
        self,
        model: Model,
        look: Callable[[Tensor, Tensor], None] | None = None,
        before: Callable[[], None] | None = None,
    ) -> None:
        self.model, self.look, self.before = model, look, before
        self.forward = self.backward = 0

    def __call__(self, images: Tensor) -> Tensor:
        if self.before is not None:
            self.before()
        self.forward += 1
        logits = self.model(images)
        if logits.requires_grad:
            logits.register_hook(self._count)
        if self.look is not None:
            self.look(images.detach(), logits.detach())
        return logits

    def _count(self, gradient: Tensor) -> None:
        self.backward += 1
