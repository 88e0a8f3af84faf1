"""A 2-D network as MONAI's SliceInferer uses it: on single slices of a preprocessed volume."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class OnSlices(nn.Module):
    """Takes volumes that are one slice thick, and gives volumes of the same kind.

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
