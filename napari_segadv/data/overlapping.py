"""Structures that may overlap: one binary map each, kept together as the number of a combination.

A pixel's number has bit k (worth 2**k) set if the pixel lies in structure k. Number 0 is the
background, 1 the first structure alone, 2 the second, 3 both of them, and so on. With these
numbers, a set of overlapping structures is a Mask like any other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SegadvError
from .labels import label_array
from .scan import Array, Grid, Mask

# With more structures, the combinations (2**6 = 64) are too many for memory and for a legend.
MOST_STRUCTURES = 6
JOINED = " + "
Maps = npt.NDArray[np.bool_]


def combinations(structures: Sequence[str]) -> tuple[str, ...]:
    """Name all combinations of structures, in the order of their numbers.

    Raises:
        SegadvError: if there are none, or more than `MOST_STRUCTURES`.

    Examples:
        >>> combinations(["core", "tumour"])
        ('background', 'core', 'tumour', 'core + tumour')
    """
    check_count(len(structures))
    names = [""]
    for structure in structures:
        names += [f"{name}{JOINED}{structure}" if name else structure for name in names]
    return ("background", *names[1:])


def check_count(count: int, name: str = "") -> None:
    """Raise SegadvError unless 1 to `MOST_STRUCTURES` structures may overlap."""
    if not 1 <= count <= MOST_STRUCTURES:
        raise SegadvError(
            f"{f'{name}: ' if name else ''}{count} structures that may overlap; 1 to "
            f"{MOST_STRUCTURES} are supported, so leave some out"
        )


def count_of(classes: Sequence[str]) -> int:
    """Return how many structures have so many combinations.

    Raises:
        SegadvError: if the number of names is no power of 2.
    """
    count = max(len(classes) - 1, 0).bit_length()
    if count == 0 or len(classes) != 1 << count:
        raise SegadvError(
            f"{len(classes)} classes can't be the combinations of overlapping structures; name "
            "them by data.overlapping.combinations"
        )
    return count


def structures_of(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the structures from those of their combinations."""
    return tuple(classes[1 << k] for k in range(count_of(classes)))


def are_combinations(classes: Sequence[str], shown: Callable[[str], str] = str) -> bool:
    """Return whether names are those of combinations of several structures, as here.

    Args:
        classes: the names, background first.
        shown: what became of each name, for example shortened.

    Examples:
        >>> are_combinations(["background", "core", "tumour", "core + tumour"])
        True
        >>> are_combinations(["background", "core", "tumour", "vessels"])
        False
    """
    count = max(len(classes) - 1, 0).bit_length()
    if not 2 <= count <= MOST_STRUCTURES or len(classes) != 1 << count:
        return False
    expected = combinations([classes[1 << k] for k in range(count)])
    return all(name == shown(full) for name, full in zip(classes[1:], expected[1:], strict=True))


def numbered(classes: Sequence[str]) -> dict[int, str]:
    """Return the structures by their class numbers: 1, 2, 4, 8 and so on.

    Examples:
        >>> numbered(combinations(["core", "tumour"]))
        {1: 'core', 2: 'tumour'}
    """
    return {1 << k: name for k, name in enumerate(structures_of(classes))}


def maps_of(numbers: Array, count: int) -> Maps:
    """Return binary maps (K, *S) of combinations (*S)."""
    return np.stack([(numbers >> k) & 1 != 0 for k in range(count)])


def numbers_of(maps: Array) -> npt.NDArray[np.uint8]:
    """Return the combinations (*S) of binary maps (K, *S); K is at most 8."""
    total = np.zeros(maps.shape[1:], np.uint8)
    for k, one in enumerate(maps):
        total |= (one != 0).astype(np.uint8) << k
    return total


@dataclass(frozen=True, eq=False)
class Overlapping(Mask):
    """Overlapping structures on a grid; `array` holds the numbers of their combinations.

    `classes` names all 2**K combinations; an empty one is not allowed.

    Raises:
        SegadvError: if the classes are no combinations, or the array holds other numbers.

    Examples:
        >>> grid = Grid.pixels((1, 4))
        >>> tumour = Overlapping.of([[[0, 1, 1, 0]], [[0, 0, 1, 0]]], grid, ("whole", "core"))
        >>> tumour.array
        array([[0, 1, 3, 0]], dtype=uint8)
        >>> tumour.structures
        ('whole', 'core')
        >>> tumour.maps[1].astype(int)
        array([[0, 0, 1, 0]])
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        highest = int(self.array.max(initial=0))
        if highest >= 1 << count_of(self.classes):
            raise SegadvError(
                f"{self.path or 'the mask'}: holds {highest}, which is no combination of "
                f"{len(self.structures)} structures"
            )

    @classmethod
    def of(cls, maps: Any, grid: Grid, structures: Sequence[str]) -> "Overlapping":
        """Make one from binary maps (K, *S), in the order of the structures.

        Raises:
            SegadvError: if a map holds anything but 0 and 1, or there is not one a structure.
        """
        names = combinations(structures)
        if len(maps) != len(structures):
            raise SegadvError(f"{len(maps)} maps for {len(structures)} structures; give one each")
        checked = [binary(one, name) for one, name in zip(maps, structures, strict=True)]
        return cls(numbers_of(np.stack(checked)), grid, names)

    @property
    def structures(self) -> tuple[str, ...]:
        """The names of the structures."""
        return structures_of(self.classes)

    @property
    def maps(self) -> Maps:
        """Binary maps (K, *S) of the structures."""
        return maps_of(self.array, count_of(self.classes))

    def structure(self, label: int) -> Mask:
        """Return a structure as a mask of its own, with class 1.

        Args:
            label: its class number: 1, 2, 4, 8 and so on.

        Raises:
            SegadvError: if there is no such structure.
        """
        place = self._place(label)
        return Mask(self.array >> place & 1, self.grid, ("background", self.structures[place]))

    def with_structure(self, label: int, pixels: Array) -> "Overlapping":
        """Return a copy in which a structure has other pixels (*S); the others stay.

        Raises:
            SegadvError: if there is no such structure.
        """
        bit = np.uint8(1 << self._place(label))
        return self.with_array(np.where(pixels != 0, self.array | bit, self.array & ~bit))

    def _place(self, label: int) -> int:
        known = numbered(self.classes)
        if label not in known:
            listed = ", ".join(f"{n} {name}" for n, name in known.items())
            what = (
                f"{label} is {self.classes[label]}"
                if 0 < label < len(self.classes)
                else (f"has no structure {label}")
            )
            raise SegadvError(
                f"{self.path or 'the mask'}: {what}; choose a single structure from {listed}"
            )
        return label.bit_length() - 1


def binary(given: Any, name: str) -> Maps:
    """Return one structure's map as bool.

    Raises:
        SegadvError: if it holds anything but 0 and 1, or 0 and 255.
    """
    array = label_array(given, name)
    held = set(np.unique(array).tolist())
    if not (held <= {0, 1} or held <= {0, 255}):
        raise SegadvError(
            f"{name}: holds {max(held)}, but the map of one structure is 0 or 1; give one map a "
            "structure"
        )
    return np.asarray(array != 0)


Regions = Mapping[str, Sequence[int]]


def from_labels(mask: Mask, regions: Regions) -> Overlapping:
    """Turn a label map into overlapping structures, each the union of some labels.

    Args:
        mask: the label map.
        regions: the labels of each structure, by its name, as nnU-Net's `dataset.json` has them.

    Raises:
        SegadvError: if the mask has a label that no region has.

    Examples:
        >>> brats = {"core": [1, 4], "whole": [1, 2, 4], "enhancing": [4]}
        >>> labels = Mask(np.array([[0, 1, 2, 4]]), Grid.pixels((1, 4)))
        >>> from_labels(labels, brats).array
        array([[0, 3, 2, 7]], dtype=uint8)
    """
    known = {label for labels in regions.values() for label in labels}
    strange = sorted(set(np.unique(mask.array).tolist()) - known - {0})
    if strange:
        raise SegadvError(
            f"{mask.path or 'the mask'}: holds label {strange[0]}, which no structure has; the "
            f"structures are {text_of(regions)}"
        )
    maps = np.stack([np.isin(mask.array, list(labels)) for labels in regions.values()])
    found = Overlapping(numbers_of(maps), mask.grid, combinations(list(regions)))
    return replace(found, path=mask.path, which=mask.which, notes=mask.notes)


def to_labels(mask: Overlapping, regions: Regions) -> Mask:
    """Turn overlapping structures into the label map that `from_labels` reads.

    Where the structures are not nested as the labels say (an enhancing tumour outside of the
    core), the smallest one counts, as if they were painted from the largest to the smallest; the
    notes say in how many pixels.

    Args:
        mask: the structures.
        regions: the labels of each structure by its name, in the mask's order.

    Raises:
        SegadvError: if the regions name other structures, or one has no label of its own.

    Examples:
        >>> brats = {"core": [1, 4], "whole": [1, 2, 4], "enhancing": [4]}
        >>> found = Overlapping(np.array([[0, 3, 2, 7]]), Grid.pixels((1, 4)), combinations(brats))
        >>> to_labels(found, brats).array
        array([[0, 1, 2, 4]], dtype=uint8)
    """
    if tuple(regions) != mask.structures:
        raise SegadvError(
            f"{mask.path or 'the mask'}: has the structures {', '.join(mask.structures)}, not "
            f"{', '.join(regions)}; name the same ones in the same order"
        )
    exact = {
        sum(1 << k for k, labels in enumerate(regions.values()) if label in labels): label
        for label in sorted({label for one in regions.values() for label in one})
    }
    table = np.array([painted(number, regions, exact) for number in range(len(mask.classes))])
    odd = np.isin(mask.array, [n for n in range(1, len(table)) if n not in exact])
    notes = mask.notes
    if odd.any():
        notes = (
            *notes,
            f"{mask.path or 'the mask'}: in {int(odd.sum())} of its pixels the structures are not "
            "nested as the labels are; there the smallest one counts",
        )
    small = label_array(table, "the labels of the structures")
    return Mask(small[mask.array], mask.grid, path=mask.path, notes=notes)


def painted(number: int, regions: Regions, exact: Mapping[int, int]) -> int:
    """Return the label of a combination: its own, or else that of the smallest structure in it."""
    if number == 0 or number in exact:
        return exact.get(number, 0)
    names = list(regions)
    smallest = min(
        (name for k, name in enumerate(names) if number >> k & 1), key=lambda n: len(regions[n])
    )
    own = set(regions[smallest])
    for name, labels in regions.items():
        if name != smallest and set(labels) < own:
            own -= set(labels)
    if not own:
        raise SegadvError(
            f"structure {smallest} has no label of its own, so structures that overlap can't "
            "become a label map; give it one"
        )
    return min(own)


def read_regions(text: str) -> dict[str, tuple[int, ...]]:
    """Read structures and their labels from one line of text.

    Raises:
        SegadvError: if it is no such line.

    Examples:
        >>> read_regions("core=1+4, whole=1+2+4, enhancing=4")
        {'core': (1, 4), 'whole': (1, 2, 4), 'enhancing': (4,)}
    """
    regions: dict[str, tuple[int, ...]] = {}
    for part in text.split(","):
        name, _, labels = (piece.strip() for piece in part.partition("="))
        numbers = [one.strip() for one in labels.split("+")]
        if not name or not all(one.isdecimal() and len(one) < 6 for one in numbers):
            raise SegadvError(
                f"regions {text[:60]}: give each structure with its labels, as in "
                "core=1+4,whole=1+2+4,enhancing=4"
            )
        regions[name] = tuple(int(one) for one in numbers)
    check_count(len(regions))
    return regions


def text_of(regions: Regions) -> str:
    """Write regions as `read_regions` reads them."""
    return ", ".join(f"{name}={'+'.join(map(str, labels))}" for name, labels in regions.items())
