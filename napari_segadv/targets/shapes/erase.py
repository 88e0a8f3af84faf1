"""A structure that the victim shall no longer see."""

from ...data.scan import Mask
from ..structure import GivenUp, Label, emptied, structure


def erase(mask: Mask, label: Label, to: GivenUp = 0) -> Mask:
    """Turns a structure into background, another class, or what surrounds it (`to` None).

    Raises:
        SegadvError: where the mask does not hold the label, or both classes are the same.
    """
    return mask.with_array(emptied(mask, structure(mask, label), label, to))
