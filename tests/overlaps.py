"""Victims with structures that overlap, whose masks are known: bright, and very bright."""

import torch

from napari_segadv.data.overlapping import combinations
from napari_segadv.victims import Victim

NAMES = ("bright", "very bright")


# Three structures, each in the one before.
NESTED = ("whole", "core", "enhancing")


class Discs(torch.nn.Module):
    """A logit for each structure: how far a locally averaged image lies above its level."""

    def __init__(self, levels: tuple[float, ...] = (95.0, 155.0)) -> None:
        super().__init__()
        self.levels = levels
        self.smooth = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="replicate", bias=False)
        self.smooth.weight.data.fill_(1 / 9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        level = self.smooth(x)
        return torch.cat([level - one for one in self.levels], dim=1) / 10


def discs() -> Victim:
    return victim(Discs(), NAMES)


def nested() -> Victim:
    return victim(Discs((95.0, 155.0, 170.0)), NESTED)


def victim(network: Discs, names: tuple[str, ...]) -> Victim:
    classes = combinations(names)
    return Victim(
        network.eval(), "discs", dims=2, classes=classes, array_order=True, task="overlapping"
    )
