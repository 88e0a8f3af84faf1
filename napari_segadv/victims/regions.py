"""Regions that are painted over one another, as logits of the classes of the painted map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from .preprocessing.axes import CERTAIN, Back
from .preprocessing.chain import BoundTransform, Space


def painted(z: Tensor, order: Sequence[int]) -> Tensor:
    """Turn the logits of overlapping regions into the logits of the map that they are painted to.

    Region after region, the pixels whose logit is above 0 get the region's label; later ones paint
    over earlier ones. A label shows where its region is there and none of those after it, so its
    logit is the least of the region's and of the later ones' negatives. The largest logit is
    exactly the painted label, and one of the regions' logits, which carries the gradient.

    Args:
        z: logits (N, R, *S) of the regions, in the order of painting.
        order: the label of each region; 0 is the background.

    Returns:
        Logits (N, K, *S) of the labels 0 to the largest; a label that is never painted has none.
    """
    background = (-z).amin(1)
    free = torch.full_like(background, float("inf"))
    shown: dict[int, list[Tensor]] = {}
    for label, region in reversed(list(zip(order, z.unbind(1), strict=True))):
        shown.setdefault(label, []).append(torch.minimum(region, free))
        free = torch.minimum(free, -region)
    shown.setdefault(0, []).append(background)
    nothing = torch.full_like(background, -CERTAIN)
    classes = [
        reduce(torch.maximum, shown[label]) if label in shown else nothing
        for label in range(max(shown) + 1)
    ]
    return torch.stack(classes, dim=1)


@dataclass(frozen=True)
class Regions:
    """The first step of a victim that predicts regions: on the way back, it paints them.

    Attributes:
        order: the label of each region, in the order of painting.
    """

    order: tuple[int, ...]

    name = "Regions"
    window = None
    rescales = False

    @property
    def arguments(self) -> Mapping[str, Any]:
        return {"order": list(self.order)}

    def _paint(self, z: Tensor, way: Back) -> Tensor:
        # A head puts the background before a single region.
        return painted(z[:, -len(self.order) :], self.order)

    def bound(self, image: Tensor, space: Space) -> tuple[BoundTransform, Tensor, Space]:
        return BoundTransform(lambda x: x, self._paint), image, space
