"""Pieces of a batch that go through a network one chunk after the other: windows, or slices."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Index = tuple[slice, ...]


@dataclass(frozen=True)
class Pieces:
    """Parts of a batch (N, C, *S) that go through a network one chunk after the other.

    Attributes:
        chunks: for each call of the network, the indices that are cut out and concatenated.
        weight: importance (1, 1, *roi) of a piece's pixels where pieces overlap; None: 1.
        share: 1 / sum of the weights at each pixel (1, 1, *S), the same for all items; None: 1.
    """

    chunks: tuple[tuple[Index, ...], ...]
    weight: Tensor | None = None
    share: Tensor | None = None

    def take(self, x: Tensor, chunk: Sequence[Index]) -> Tensor:
        """A chunk of a tensor (N, any channels, *S)."""
        parts = [x[index[0], :, *index[2:]] for index in chunk]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def weights(self, chunk: Sequence[Index]) -> Tensor | None:
        """How much each pixel of a chunk's pieces counts in the blend (B, 1, *roi); None: 1."""
        if self.weight is None or self.share is None:
            return None
        return torch.cat([self.weight * self.share[:, :, *index[2:]] for index in chunk])


def length(index: Index) -> int:
    """How many items of the batch an index takes."""
    return int(index[0].stop - index[0].start)


def touching(changed: Sequence[Index], pieces: Pieces) -> list[tuple[Index, ...]]:
    """The chunks that have to go through: those that changed, and those blended with them."""
    return [
        chunk
        for chunk in pieces.chunks
        if any(_overlap(index, other) for index in chunk for other in changed)
    ]


def _overlap(one: Index, other: Index) -> bool:
    return all(
        a.start is None or b.start is None or (a.start < b.stop and b.start < a.stop)
        for a, b in zip(one, other, strict=True)
    )
