"""A structure scaled about its centre of mass (Bortsova 2021)."""

from typing import Annotated

import numpy as np
from scipy import ndimage

from ...common.parameters import Param
from ...data.scan import Mask
from ..structure import GivenUp, Label, centre, redraw, structure


def resize(
    mask: Mask,
    label: Label,
    size: Annotated[float, Param("Linear scale: below 1 shrinks", 0.05, 5.0, step=0.1)] = 0.8,
    to: GivenUp = 0,
) -> Mask:
    """Scale a structure about its centre of mass.

    It covers other structures that it grows into.

    Args:
        mask: the label map to start from.
        label: the structure.
        size: linear scale; the paper uses 0.4, 0.6, 0.8, 1.2, 1.4, 1.6 and 1.8.
        to: class of the pixels that it leaves; None: the class around it, as for a cup in its disc.

    Raises:
        SegadvError: if the mask does not have the label.
    """
    old = structure(mask, label)
    middle = centre(old)
    scaled = ndimage.affine_transform(
        old.astype(np.float32),
        np.full(old.ndim, 1 / size),
        offset=middle - middle / size,
        order=1,
    )
    return redraw(mask, old, scaled >= 0.5, label, to)
