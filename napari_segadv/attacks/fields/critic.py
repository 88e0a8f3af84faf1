"""The Wasserstein critic, which distinguishes made images from real ones."""

import torch
from torch import Tensor, nn

from .networks import LEAKY, Layout

# Smallest map that the critic's last two convolutions take, and so the smallest side of an image.
SMALLEST_MAP, SMALLEST_SIDE = 3, 6


class Critic(nn.Module):
    """Scores (N,) of images from `Scale`: the mean output of MONAI's PatchDiscriminator."""

    def __init__(self, layout: Layout, smallest_side: int) -> None:
        """Build it as deep as its smallest images allow, with at most three levels."""
        from monai.networks.nets import PatchDiscriminator

        super().__init__()
        self.smallest_side = smallest_side
        layers = max(n for n in (1, 2, 3) if n == 1 or smallest_side // 2**n >= SMALLEST_MAP)
        self.network = PatchDiscriminator(
            layout.dims,
            layout.width,
            layout.channels,
            num_layers_d=layers,
            activation=LEAKY,
            norm="batch",
        )

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.network(images)[-1].flatten(1).mean(1)
        return scores

    @torch.no_grad()
    def clip(self, limit: float) -> None:
        """Clip each weight to a limit (Arjovsky 2017), which suits RMSProp and batch norm."""
        for weights in self.parameters():
            weights.clamp_(-limit, limit)
