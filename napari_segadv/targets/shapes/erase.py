"""A structure that the victim should no longer see."""

from ...data.scan import Mask
from ..structure import GivenUp, Label, remove, structure


def erase(mask: Mask, label: Label, to: GivenUp = 0) -> Mask:
    """Turn a structure into background, another class, or what surrounds it (`to` is None).

    Raises:
        SegadvError: if the mask does not have the label, or both classes are the same.
    """
    return mask.with_array(remove(mask, structure(mask, label), label, to))
