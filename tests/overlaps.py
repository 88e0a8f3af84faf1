"""A victim with two structures that overlap, whose masks are known: bright, and very bright."""

import torch

from napari_segadv.data.overlapping import combinations
from napari_segadv.victims import Victim

NAMES = ("bright", "very bright")


class Discs(torch.nn.Module):
    """Logits of both structures: how far a locally averaged image lies above 95 and 155."""

    def __init__(self) -> None:
        super().__init__()
        self.smooth = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="replicate", bias=False)
        self.smooth.weight.data.fill_(1 / 9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        level = self.smooth(x)
        return torch.cat([level - 95.0, level - 155.0], dim=1) / 10


def discs() -> Victim:
    names = combinations(NAMES)
    return Victim(
        Discs().eval(), "discs", dims=2, classes=names, array_order=True, task="overlapping"
    )
