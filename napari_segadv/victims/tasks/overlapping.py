"""Overlapping structures: a sigmoid for each, such as whole tumour, core and enhancing tumour.

To attacks, files of sessions and layers, such a victim is a segmentation whose class numbers are
those of combinations of structures, see `victims.structures`. What counts are the structures.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ... import io
from ...attacks.problem import Answers, Problem, mean_of
from ...common.screen import untagged
from ...data.overlapping import (
    Overlapping,
    check_count,
    combinations,
    count_of,
    from_labels,
    numbered,
    structures_of,
)
from ...data.scan import Array, Grid, Mask, Scan
from ...errors import SegadvError
from ...io.structures import check_structures, read_structures, save_structures
from ...measures.structures import overlaps_each
from ..bound import BoundVictim
from ..decision import spacing_of
from ..pipeline import Pipeline
from ..preprocessing.axes import Back
from ..structures import combined, joint, pairs, pairs_of_each, single, taken_apart
from .segmentation import BoundSegmentation, Segmentation


class OfStructures(Problem):
    """A problem in which each pixel of each structure counts by itself.

    `labels` and `reference` are combinations. `moving` and `keeping` are pixels whose combination
    has to change or to stay; `movers`, `structures` and the shares count pairs of a pixel and a
    structure.
    """

    @cached_property
    def movers(self) -> Tensor:
        moving = self.labels ^ self.reference if self.targeted else self.labels
        return pairs(moving, self.care)

    @cached_property
    def structures(self) -> Tensor:
        return pairs(self.labels | self.reference, self.care)

    @cached_property
    def erases(self) -> Tensor:
        """Whether the target (N,) lacks a structure where the clean prediction has it."""
        erased = (self.reference & ~self.labels) != 0
        return erased.flatten(1).any(1) & self.targeted

    def shares(self, answers: Answers) -> tuple[Tensor, Tensor]:
        found = answers.logits.detach()
        off = self.predicted(found) ^ self.labels
        asked = self.labels ^ self.reference if self.targeted else self.labels
        there = pairs(asked & (~off if self.targeted else off), self.care)
        moved = torch.where(self.movers > 0, there / self.movers.clamp_min(1), 1.0)
        lost = pairs(off & ~asked, self.care) if self.targeted else torch.zeros_like(there)
        return moved, (1 - lost / self.structures.clamp_min(1)).clamp_min(0)

    def dice(self, found: Tensor) -> Tensor:
        size = [pairs_of_each(numbers, self.care) for numbers in (self.labels, found)]
        hit = pairs_of_each(self.labels & found, self.care)
        each = 2 * hit.double() / (size[0] + size[1]).clamp_min(1)
        return mean_of(each, size[0] > 0)

    def soft_maps(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the structures' maps, and what lies outside of each, for items with one erased."""
        z = single(logits)
        found = z.sigmoid()
        target = taken_apart(self.labels, z.shape[1]).to(found)
        counted = torch.ones(len(z), 2 * z.shape[1], dtype=torch.bool, device=z.device)
        counted[:, z.shape[1] :] = self.erases.unsqueeze(1)
        found, target = (torch.cat([maps, 1 - maps], dim=1) for maps in (found, target))
        return found, target, counted


class BoundOverlapping(BoundSegmentation):
    """A binary map for each structure on the scan's grid; classes are their combinations."""

    def check(self, victim: Pipeline, scan: Scan) -> None:
        super().check(victim, scan)
        if victim.classes:
            try:
                count_of(victim.classes)
            except SegadvError as error:
                raise SegadvError(f"{victim.name}: {error}") from None

    def _scores(self, output: Tensor) -> Tensor:
        z = self.victim.head.structure_logits(output)
        check_count(z.shape[1], self.victim.name)
        named = len(structures_of(self.victim.classes)) if self.victim.classes else z.shape[1]
        if named != z.shape[1]:
            raise SegadvError(
                f"{self.victim.name}: names {named} structures but predicts {z.shape[1]}; name "
                "each of its channels, without a background"
            )
        return z

    def _classes(self, output: Tensor) -> Tensor:
        return combined(self._scores(output) >= 0)

    def logits(self, images: Tensor) -> Tensor:
        return joint(self._through(images, self._back, self.recalled))

    def _back(self, z: Tensor) -> Tensor:
        """Map logits (N, K, *S) back to the image's grid; 0 and above is in the structure.

        Each structure goes the way of a victim with two classes, whose logits are 0 and z.
        """
        two = torch.stack([torch.zeros_like(z), z], dim=2).flatten(0, 1)
        found = self.decision.back(self.chain, two)
        each: Tensor = (found[:, 1] - found[:, 0]).unflatten(0, z.shape[:2])
        return each

    def prediction(self, images: Tensor) -> Overlapping:
        logits = self._noted_logits(images)
        maps = single(logits) >= 0
        if self.decision.before:
            # Tidied up on the network's grid, which the logits above have left.
            maps = self._through(images, self._mapped_maps) > 0.5
        numbers = combined(self._tidied_maps(maps, self.decision.after))[0]
        names = self.class_names(logits)
        return Overlapping(numbers.cpu().numpy().astype(np.uint8), self.scan.grid, names)

    def _mapped_maps(self, z: Tensor) -> Tensor:
        """Map tidied maps (N, K, *S) back from the network's grid."""
        decision = self.decision
        maps = (z >= decision.cut).to(z)
        for step in decision.before:
            maps = step.together(maps, spacing_of(self.chain))
        return self.chain.backward(maps, Back(nearest=True, certain=0.0))

    def _tidied_maps(self, maps: Tensor, steps: Any) -> Tensor:
        """Tidy up maps (N, K, *S), those of a 2-D victim slice by slice."""
        if not steps:
            return maps

        def tidy(images: Tensor, spacing: Sequence[float]) -> Tensor:
            for step in steps:
                images = step.together(images, spacing)
            return images

        found = self._tidying(maps.float(), tidy, kept=1)
        return found.transpose(1, 2) if self.by_slice else found

    @property
    def decides(self) -> bool:
        return True

    def decide(self, logits: Tensor) -> Tensor:
        steps = (*self.decision.before, *self.decision.after)
        return combined(self._tidied_maps(single(logits) >= 0, steps))

    def class_names(self, logits: Tensor) -> tuple[str, ...]:
        count = logits.shape[1].bit_length() - 1
        return self.victim.classes or combinations([f"structure {k + 1}" for k in range(count)])


class OverlappingStructures(Segmentation):
    """A binary map for each of several structures that may overlap."""

    name: ClassVar[str] = "overlapping"
    words: ClassVar[tuple[str, ...]] = ("overlapping",)
    attacked_as: ClassVar[str] = "segmentation"
    problem: ClassVar[type[Problem]] = OfStructures
    bound: ClassVar[type[BoundVictim]] = BoundOverlapping
    figures: ClassVar[Callable[..., dict[str, Any]]] = staticmethod(overlaps_each)

    def names(self, listed: tuple[str, ...]) -> tuple[str, ...]:
        return combinations(listed) if listed else ()

    def wanted(self, given: Any, role: str, scan: Scan, victim: Pipeline) -> Overlapping:
        """Read structures: an Overlapping, maps (K, *S), a file with all, or one file a structure.

        A label map of classes is taken if the victim knows the labels of its structures.
        """
        names = structures_of(victim.classes) if victim.classes else ()
        if isinstance(given, (str, Path)):
            given = read_structures(given, names, scan.grid)
        if isinstance(given, Overlapping):
            mask = io.to_grid(given, scan.grid)
            return ordered(mask, names, role) if names else mask
        if isinstance(given, Mask):
            return self._of_labels(io.to_grid(given, scan.grid), role, victim)
        maps = np.asarray(given)
        if maps.shape[1:] != scan.grid.shape:
            raise SegadvError(
                f"{role}: an array of shape {maps.shape} can't be the maps of structures of "
                f"{scan.name}; give one map a structure, of shape {('K', *scan.grid.shape)}"
            )
        return Overlapping.of(
            maps, scan.grid, names or [f"structure {k + 1}" for k in range(len(maps))]
        )

    def _of_labels(self, mask: Mask, role: str, victim: Pipeline) -> Overlapping:
        if mask.classes and mask.classes == victim.classes:
            return Overlapping(mask.array, mask.grid, mask.classes, mask.path)
        if victim.regions:
            return from_labels(mask, victim.regions)
        raise SegadvError(
            f"{mask.path or role}: is one label map, but {victim.name} predicts structures that "
            "may overlap; give a file with a map for each (segadv regions makes one), or name the "
            'labels of each structure as "regions" in its description'
        )

    def save(self, prediction: Mask, path: Path) -> None:
        save_structures(_overlapping(prediction), path)

    def load(
        self, path: Path, grid: Grid, classes: tuple[str, ...], exact: Mapping[str, Array]
    ) -> Overlapping:
        names = structures_of(classes)
        found = read_structures(path, names)
        array = found.array
        if grid.ndim == 2 and array.shape == (1, *grid.shape):
            array = array[0]
        if not isinstance(found, Overlapping) or array.shape != grid.shape:
            raise SegadvError(
                f"{path}: does not hold {len(names)} maps of {grid.shape}, so it belongs to "
                "another image; restore it from a copy"
            )
        return Overlapping(array, grid, classes)

    def check_output(self, path: Path) -> None:
        check_structures(path)

    def listing(self, prediction: Mask) -> str:
        return ", ".join(f"{n} {name}" for n, name in numbered(prediction.classes).items())


def _overlapping(mask: Mask) -> Overlapping:
    if isinstance(mask, Overlapping):
        return mask
    return Overlapping(mask.array, mask.grid, mask.classes, mask.path)


def ordered(mask: Overlapping, names: tuple[str, ...], role: str) -> Overlapping:
    """Bring the structures of a mask into a victim's order, by their names.

    Raises:
        SegadvError: if it has other structures.
    """
    own, known = (
        [untagged(name).casefold() for name in listed] for listed in (mask.structures, names)
    )
    if own == known:
        return replace(mask, classes=combinations(names))
    if sorted(own) != sorted(known) or len(set(own)) != len(own):
        raise SegadvError(
            f"{mask.path or role}: has the structures {', '.join(mask.structures)}, but the model "
            f"predicts {', '.join(names)}; use one made for the model"
        )
    maps = mask.maps
    found = Overlapping.of([maps[own.index(name)] for name in known], mask.grid, names)
    return replace(found, path=mask.path, which=mask.which, notes=mask.notes, made=mask.made)


TASK = OverlappingStructures()
