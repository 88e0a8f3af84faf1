"""Pieces of a batch that go through a network one chunk after the other: patches or slices."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Index = tuple[slice, ...]


@dataclass(frozen=True)
class Pieces:
    """Parts of a batch (N, C, *S) that go through a network one chunk after the other.

    Attributes:
        chunks: for each call of the network, the indices of the pieces to cut out and concatenate.
        weight: importance (1, 1, *roi) of a piece's pixels where pieces overlap; None: 1.
        share: 1 / sum of the weights at each pixel (1, 1, *S), the same for all items; None: 1.
    """

    chunks: tuple[tuple[Index, ...], ...]
    weight: Tensor | None = None
    share: Tensor | None = None

    def take(self, x: Tensor, chunk: Sequence[Index]) -> Tensor:
        """Cut a chunk out of a tensor (N, any channels, *S)."""
        parts = [x[index[0], :, *index[2:]] for index in chunk]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def weights(self, chunk: Sequence[Index]) -> Tensor | None:
        """Return the weights of a chunk's pixels in the blend (B, 1, *roi); None: 1."""
        if self.weight is None or self.share is None:
            return None
        return torch.cat([self.weight * self.share[:, :, *index[2:]] for index in chunk])


def length(index: Index) -> int:
    """Return how many items of the batch an index covers."""
    return int(index[0].stop - index[0].start)


def touching(changed: Sequence[Index], pieces: Pieces) -> list[int]:
    """Return the numbers of the chunks to run again: those that changed or overlap such ones."""
    return [
        number
        for number, chunk in enumerate(pieces.chunks)
        if any(_overlap(index, other) for index in chunk for other in changed)
    ]


def _overlap(one: Index, other: Index) -> bool:
    return all(
        a.start is None or b.start is None or (a.start < b.stop and b.start < a.stop)
        for a, b in zip(one, other, strict=True)
    )
