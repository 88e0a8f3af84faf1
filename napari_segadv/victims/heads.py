"""Turns a network's output into class logits (N, K, *S) with K of at least 2."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ..errors import SegadvError

Activation = Literal["none", "softmax", "sigmoid"]

# Probabilities are kept this far from 0 and 1, where a logarithm has no finite gradient.
SMALLEST = 1e-7


def tensor_of(output: Any) -> Tensor:
    """Find the logits in a network's output: itself, "out" or a similar key, or the first entry.

    Raises:
        SegadvError: if the output holds no tensor.
    """
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping) and output:
        for key in ("out", "logits", "pred", "seg"):
            if key in output:
                return tensor_of(output[key])
        return tensor_of(next(iter(output.values())))
    if isinstance(output, (list, tuple)) and output:
        return tensor_of(output[0])
    raise SegadvError(f"the network returns a {type(output).__name__}; it must return a tensor")


@dataclass
class Head:
    """Turns a network's output into class logits.

    Attributes:
        activation: the network's last one. None: detected once, from the first output.
    """

    activation: Activation | None = None

    def __post_init__(self) -> None:
        if self.activation not in (None, *get_args(Activation)):
            known = ", ".join(get_args(Activation))
            raise SegadvError(f"activation {self.activation}: unknown; use one of {known}")

    def logits(self, output: Tensor) -> Tensor:
        """Return class logits (N, K, *S): raw ones unchanged, probabilities as their logarithm.

        A network with one channel z has two classes, with logits [0, z].
        """
        if self.activation is None:
            self.activation = detect(output.detach())
        if output.shape[1] == 1:
            if self.activation == "none":
                return torch.cat([torch.zeros_like(output), output], dim=1)
            p = output.clamp(SMALLEST, 1 - SMALLEST)
            return torch.cat([torch.log1p(-p), p.log()], dim=1)
        if self.activation == "none":
            return output
        return output.clamp_min(SMALLEST).log()


def detect(output: Tensor) -> Activation:
    """Detect probabilities: values in [0, 1] that, over several channels, sum to 1."""
    low, high = float(output.amin()), float(output.amax())
    if low < 0 or high > 1:
        return "none"
    if output.shape[1] == 1:
        return "sigmoid"
    off = float((output.sum(1) - 1).abs().amax())
    return "softmax" if off < 1e-3 else "none"
