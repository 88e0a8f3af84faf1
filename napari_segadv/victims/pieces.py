"""Pieces of a batch that go through a network one chunk after the other: patches or slices."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
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

    @cached_property
    def indices(self) -> tuple[Index, ...]:
        """The pieces of all chunks."""
        return tuple(index for chunk in self.chunks for index in chunk)

    @cached_property
    def chunk_of(self) -> NDArray[np.int64]:
        """The number of each piece's chunk."""
        return np.repeat(np.arange(len(self.chunks)), [len(chunk) for chunk in self.chunks])

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """First and last + 1 of each piece along each axis (pieces, axes, 2)."""
        whole = np.iinfo(np.int64).max
        return np.array(
            [
                [(one.start or 0, whole if one.stop is None else one.stop) for one in index]
                for index in self.indices
            ],
            dtype=np.int64,
        )

    def touching(self, flags: NDArray[np.bool_]) -> list[int]:
        """Return the numbers of the chunks with a piece that is flagged, or overlaps one that is.

        Args:
            flags: for each of `indices`.
        """
        first, last = self._ends[..., 0], self._ends[..., 1]
        touched = np.zeros(len(flags), bool)
        for piece in np.flatnonzero(flags):
            touched |= ((first < last[piece]) & (first[piece] < last)).all(1)
        return sorted(set(self.chunk_of[touched].tolist()))

    def pixels(self, number: int, x: Tensor) -> int:
        """Return how many pixels the pieces of a chunk have, in a batch (N, C, *S)."""
        return sum(x[index[0], :1, *index[2:]].numel() for index in self.chunks[number])

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
