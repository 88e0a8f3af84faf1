"""Two structures that the victim should take for each other."""

from ...data.overlapping import Overlapping
from ...data.scan import Mask
from ...errors import SegadvError
from ..structure import Label, To, relabel, structure


def swap(mask: Mask, label: Label, to: To) -> Mask:
    """Exchange two classes.

    Raises:
        SegadvError: if the mask does not have both, or they are the same.
    """
    if label == to:
        raise SegadvError(f"swap {label} with {to}: name two different classes")
    first, second = structure(mask, label), structure(mask, to)
    array = relabel(mask.array.copy(), first, to)
    return mask.with_array(relabel(array, second, label))


def overlapping(mask: Overlapping, label: int, to: int) -> Overlapping:
    """Exchange the maps of two structures that may overlap.

    Raises:
        SegadvError: if they are the same.
    """
    if label == to:
        raise SegadvError(f"swap {label} with {to}: name two different structures")
    first, second = mask.structure(label).array, mask.structure(to).array
    return mask.with_structure(label, second).with_structure(to, first)
