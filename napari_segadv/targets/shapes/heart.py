"""A heart symbol in place of a structure (Bortsova 2021)."""

from typing import Annotated

from ...common.parameters import Param
from ...data.scan import Mask
from ...errors import SegadvError
from ..structure import Bool, Float, GivenUp, Label, centre, extent, offsets, redraw, structure

# Area and height of the centroid of (x^2 + y^2 - 1)^3 = x^2 y^3, and volume and height of
# the centroid of (x^2 + 9/4 y^2 + z^2 - 1)^3 = x^2 z^3 + 9/80 y^2 z^3, by numerical integration.
AREA, RISE_2D = 3.6619, 0.2935
VOLUME, RISE_3D = 3.3453, 0.2835


def heart(
    mask: Mask,
    label: Label,
    size: Annotated[
        float,
        Param("Linear size; 1: a heart with the structure's area or volume", 0.05, 5.0, step=0.1),
    ] = 1.0,
    to: GivenUp = 0,
) -> Mask:
    """Replace a structure by a heart symbol at its centre of mass.

    The symbol is upright as the image is shown; in a volume it is a body whose axial slices are
    hearts. It covers other structures that lie there. Pixels of the structure outside the symbol
    become `to`.

    Args:
        mask: the label map to start from.
        label: the structure.
        size: linear size; at 1 the symbol's area (volume) is that of the structure.
        to: class of the pixels that it leaves; None: the class around it, as for a cup in its disc.

    Raises:
        SegadvError: if the mask does not have the label, or the symbol is smaller than a pixel.

    Examples:
        >>> import numpy as np
        >>> from napari_segadv import Mask, Scan, targets
        >>> scan = Scan.from_array(np.arange(1600, dtype=np.uint16).reshape(40, 40))
        >>> labels = np.zeros((40, 40), np.uint8)
        >>> labels[10:30, 10:30] = 1
        >>> target = targets.heart(Mask(labels, scan.grid), label=1)
        >>> int((labels == 1).sum()), int((target.array == 1).sum())
        (400, 400)
        >>> target.array[10, [10, 15, 20, 25]].tolist()  # two humps and the notch between them
        [0, 1, 0, 1]
    """
    old = structure(mask, label)
    ndim = mask.grid.ndim
    whole = AREA if ndim == 2 else VOLUME
    unit = size * (extent(mask, old) / whole) ** (1 / ndim)
    distances = [d / unit for d in offsets(mask, centre(old))]
    new = flat_heart(*distances) if ndim == 2 else solid_heart(*distances)
    if not new.any():
        raise SegadvError(f"size {size:g}: the heart is smaller than a pixel; give a larger size")
    return redraw(mask, old, new, label, to)


def flat_heart(down: Float, across: Float) -> Bool:
    """Return the pixels inside the heart curve, its centroid at the origin; rows go down."""
    up = RISE_2D - down
    return (across**2 + up**2 - 1) ** 3 - across**2 * up**3 <= 0


def solid_heart(depth: Float, down: Float, across: Float) -> Bool:
    """Return the voxels inside Taubin's heart surface, its centroid at the origin; rows go down."""
    up = RISE_3D - down
    body = across**2 + 2.25 * depth**2 + up**2 - 1
    return body**3 - across**2 * up**3 - 0.1125 * depth**2 * up**3 <= 0
