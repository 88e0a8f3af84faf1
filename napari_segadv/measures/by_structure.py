"""What is left of each structure after an attack, by class and by size: small ones fall first.

A structure is a class of the truth in one image, with all its parts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from ..common.wording import amount
from ..data.overlapping import Overlapping, maps_of, structures_of
from ..data.scan import Array, Mask
from .labels import Overlap
from .sizes import in_units, units_of_size


@dataclass(frozen=True)
class Fallen:
    """A structure of one image, and how well it is found.

    Attributes:
        name: of its class.
        pixels: of it in the truth.
        size: of it in the truth, in `units`.
        units: mm² or ml; pixels or voxels without geometry.
        before, after: Dice of the clean and of the adversarial prediction with the truth.
    """

    name: str
    pixels: int
    size: float
    units: str
    before: float
    after: float


@dataclass(frozen=True)
class Group:
    """Structures of one kind, and the means of their Dice.

    Attributes:
        name: the class, or the range of sizes.
        count: of structures.
        before, after: means of `Fallen.before` and `Fallen.after`.
    """

    name: str
    count: int
    before: float
    after: float

    @classmethod
    def of(cls, name: str, structures: Sequence[Fallen]) -> "Group":
        """Make a group of at least one structure."""
        pairs = [(one.before, one.after) for one in structures]
        before, after = (fmean(d) for d in zip(*pairs, strict=True))
        return cls(name, len(structures), before, after)


def fallen(truth: Mask, before: Mask, after: Mask) -> list[Fallen]:
    """Measure the structures of the truth, by the figures of `dice_with_truth`.

    Args:
        truth: the correct labels. Of overlapping structures, all three are Overlapping.
        before, after: the clean and the adversarial prediction; names are those of `before`.
    """
    grid, found = truth.grid, []
    for name, (right, *predicted) in _maps(before, [truth, before, after]):
        pixels = int(np.count_nonzero(right))
        if pixels:
            dice = [Overlap.of(one, right).dice(1) for one in predicted]
            size = in_units(grid, pixels)
            found.append(Fallen(name, pixels, size, units_of_size(grid), *dice))
    return found


def _maps(named: Mask, masks: Sequence[Mask]) -> Iterator[tuple[str, list[Array]]]:
    """Yield each structure's name, and where it is in each mask."""
    arrays = [np.asarray(mask.array) for mask in masks]
    if isinstance(named, Overlapping):
        names = structures_of(named.classes)
        each = [maps_of(one, len(names)) for one in arrays]
        for number, name in enumerate(names):
            yield name, [maps[number] for maps in each]
        return
    for label in np.unique(arrays[0]):
        if label:
            yield named.class_name(int(label)), [array == label for array in arrays]


def by_class(structures: Sequence[Fallen]) -> list[Group]:
    """Group structures by class, in the order in which the classes come first."""
    names = dict.fromkeys(one.name for one in structures)
    return [Group.of(name, [s for s in structures if s.name == name]) for name in names]


def by_size(structures: Sequence[Fallen], parts: int = 3) -> list[Group]:
    """Group structures into parts of equal number, the smallest ones first.

    Structures of one size stay together, so parts may differ in number. Sizes are in mm² or ml if
    all have them, else in pixels; a group's name says its range.

    Args:
        structures: of one or several images.
        parts: how many groups there are at most.
    """
    if not structures:
        return []
    units = {one.units for one in structures}
    same = len(units) == 1

    def size(one: Fallen) -> float:
        return one.size if same else float(one.pixels)

    sizes = sorted(size(one) for one in structures)
    ends = sorted({sizes[-(-len(sizes) * part // parts) - 1] for part in range(1, parts + 1)})
    unit = units.pop() if same else "pixels"
    groups = []
    lowest = -np.inf
    for end in ends:
        inside = [one for one in structures if lowest < size(one) <= end]
        first = amount(min(map(size, inside)))
        last = amount(end)
        name = first if first == last else f"{first} to {last}"
        groups.append(Group.of(f"{name} {unit}", inside))
        lowest = end
    return groups
