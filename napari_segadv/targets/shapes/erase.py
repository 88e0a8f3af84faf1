"""A structure that the victim shall no longer see."""

from ...errors import SegadvError
from ...scan import Mask
from ..structure import Label, To, painted, structure


def erase(mask: Mask, label: Label, to: To = 0) -> Mask:
    """Turns a structure into background, or into another class.

    Raises:
        SegadvError: where the mask does not hold the label, or both classes are the same.
    """
    if label == to:
        raise SegadvError(f"erase {label} to {to}: name another class")
    return mask.with_array(painted(mask.array.copy(), structure(mask, label), to))
