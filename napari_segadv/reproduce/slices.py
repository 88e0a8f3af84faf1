"""Slices of the abdominal phantom, and a 2-D network that segments them (Chen 2019)."""

from collections.abc import Generator, Sequence

import numpy as np

from ..data.scan import Grid, Mask, Scan
from ..io.cases import Case
from ..training.victim.recipe import Recipe
from ..victims import Victim
from .bench import phantoms
from .cells import Cells
from .report import Done
from .trained import trained

PHANTOM = "abdomen-ct"
# First seed, number of phantoms, and slices of each, to train the network on.
VICTIM = (0, 40, 10)
# A slice with this many classes shows most of the organs.
CLASSES_SHOWN = 5
# Width of the windows in HU: soft tissue, as the network sees it.
WINDOW = (-160, 240)


def slices_of(cases: Sequence[Case], each: int) -> list[Case]:
    """Return 2-D cases from volumes, evenly spaced among the slices that show most organs."""
    found = []
    for case in cases:
        scan, mask = case.scan, case.mask
        full = [z for z, part in enumerate(mask.array) if len(np.unique(part)) >= CLASSES_SHOWN]
        for z in np.linspace(0, len(full) - 1, each).astype(int):
            array, labels = (np.ascontiguousarray(a[full[z]]) for a in (scan.array, mask.array))
            grid = Grid(labels.shape, scan.grid.spacing[1:], (0.0, 0.0), np.eye(2))
            meta = {"title": f"{scan.name}, slice {full[z]}"}
            cut = Scan(array, grid, scan.units, scan.storage, meta=meta)
            found.append(Case(cut, Mask(labels, grid, mask.classes)))
    return found


def recipe_for(quick: bool) -> Recipe:
    """Return how the network is trained."""
    return Recipe(
        dims=2, width=4 if quick else 16, levels=4, epochs=1 if quick else 24, window=WINDOW
    )


def slice_victim(cases: Sequence[Case], quick: bool, cells: Cells) -> Generator[Done, None, Victim]:
    """Train a 2-D U-Net for the phantom's classes; `cases` are those whose Dice is measured."""
    first, count, each = (VICTIM[0], 1, 2) if quick else VICTIM
    yield Done(0, 1, "drawing phantoms for the network on slices")
    own = slices_of(phantoms(PHANTOM, count, first), each)
    return (yield from trained("slices", recipe_for(quick), own, cases, cells))
