"""Boxes that a user has drawn, as a session saves them and shows them again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Layer, Shapes

from ...data.boxes import Boxes, swapped
from ...data.scan import Scan
from ...errors import SegadvError
from ..layers.names import KEY, LayerTuple
from ..layers.tasks.detection import CLASS, boxes_in, outlines

if TYPE_CHECKING:
    from ...results.session.folder import SessionBoxes


def drawn(
    layers: Sequence[Layer], images: Sequence[tuple[Image, Scan]], notes: list[str]
) -> "tuple[SessionBoxes, ...]":
    """The boxes among a user's layers: shapes that have classes.

    Args:
        layers: the user's own, bottom to top.
        images: those that are saved along.
        notes: gets a line for each layer that can't be saved.
    """
    from ...results.session.folder import SessionBoxes

    found = []
    for place, layer in enumerate(layers):
        if not isinstance(layer, Shapes) or CLASS not in layer.features:
            continue
        below = layers[:place]
        fitting = [n for n, (image, _) in enumerate(images) if image.ndim == layer.ndim]
        # Boxes belong to the image that they lie on, the nearest below them.
        fitting.sort(key=lambda n: below.index(images[n][0]) if images[n][0] in below else -1)
        try:
            if not fitting:
                raise SegadvError(f"layer {layer.name}: lies on no image that is saved")
            image, scan = images[fitting[-1]]
            found.append(SessionBoxes(layer.name, boxes_of(layer, image, scan), fitting[-1]))
        except SegadvError as error:
            notes.append(str(error))
    return tuple(found)


def boxes_of(layer: Shapes, image: Image, scan: Scan) -> Boxes:
    """What a layer of shapes means in the pixels of an image.

    Raises:
        SegadvError: where a shape has no class.
    """
    wanted = boxes_in(layer, image)
    known = layer.metadata.get(KEY)
    classes = list(known.classes) if isinstance(known, Boxes) else []
    classes = classes or ["background"]
    classes += sorted({one["class"] for one in wanted} - set(classes))
    corners = np.array([one["box"] for one in wanted], np.float32).reshape(-1, 2 * layer.ndim)
    labels = [classes.index(one["class"]) for one in wanted]
    return Boxes.of(swapped(corners), labels, scan.grid, tuple(classes))


def boxes_tuple(boxes: Boxes, name: str) -> LayerTuple:
    """A layer of shapes that can be edited, and be a target."""
    data, keywords, kind = outlines(boxes)
    return data, {**keywords, "name": name}, kind
