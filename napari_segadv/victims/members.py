"""Networks made of networks: the mean of several, mirrored passes, slices of a volume."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn


class Mean(nn.Module):
    """The mean output of several networks, such as the folds of a cross-validation."""

    def __init__(self, networks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.networks
        total: Tensor = first(x)
        for network in others:
            total = total + network(x)
        return total / len(self.networks) if others else total


class Mirrored(nn.Module):
    """A network that sees the image mirrored along every combination of some axes.

    Its outputs, mirrored back, are averaged.
    """

    def __init__(self, network: nn.Module, mirrored: Sequence[int]) -> None:
        """Wrap a network.

        Args:
            network: from (N, C, *S) to (N, K, *S).
            mirrored: axes of S, counted from 0.
        """
        super().__init__()
        self.network = network
        axes = [2 + axis for axis in mirrored]
        self.flips = [some for n in range(1, len(axes) + 1) for some in combinations(axes, n)]

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = self.network(x)
        for axes in self.flips:
            total = total + self.network(x.flip(axes)).flip(axes)
        return total / (len(self.flips) + 1) if self.flips else total


class Stacked(nn.Module):
    """Several networks, each one's output after the other's in the channels.

    On a GPU they compute in half precision, as nnU-Net lets its networks predict.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cuda") if x.is_cuda else nullcontext():
            return torch.cat([network(x) for network in self.networks], dim=1)


class OnSlices(nn.Module):
    """A 2-D network that takes volumes one slice thick, and gives volumes of the same kind.

    Args:
        network: a 2-D network.
        axis: the spatial axis of the volume along which it is one slice thick.
    """

    def __init__(self, network: nn.Module, axis: int) -> None:
        super().__init__()
        self.network, self.axis = network, axis
        self.train(network.training)

    def forward(self, x: Tensor) -> Any:
        """Run the network on volumes (B, C, *S), of which one size is 1."""
        return self._thick(self.network(x.squeeze(2 + self.axis)))

    def _thick(self, output: Any) -> Any:
        if isinstance(output, Tensor):
            return output.unsqueeze(2 + self.axis)
        if isinstance(output, Mapping):
            return {key: self._thick(value) for key, value in output.items()}
        return tuple(self._thick(value) for value in output)
