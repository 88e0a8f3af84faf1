"""What a network said of an image before: pieces that have not changed since need no new pass."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .pieces import Index, Pieces


class Recall:
    """The first image that went through in pieces, and what came out.

    Where the noise may live in a few slices alone, all the others are as they were. The result
    equals that of a whole pass, bit for bit. Costs the memory of the image and its logits.
    """

    def __init__(self) -> None:
        self._x: Tensor | None = None
        self._y: Tensor | None = None

    def keep(self, x: Tensor, y: Tensor) -> None:
        """Remembers an image (N, C, *S) and its logits (N, K, *S), unless one is remembered."""
        if self._x is None:
            self._x, self._y = x.detach().clone(), y.detach().clone()

    def changed(self, x: Tensor, pieces: Pieces) -> list[Index] | None:
        """Where an image differs from the one that is remembered; None: all of it is unknown."""
        if self._x is None or self._x.shape != x.shape:
            return None
        off = (self._x != x).any(1, keepdim=True)
        indices = [index for chunk in pieces.chunks for index in chunk]
        # One look at the device, not one a piece.
        seen = torch.stack([off[i[0], :, *i[2:]].any() for i in indices]).tolist()
        return [index for index, yes in zip(indices, seen, strict=True) if yes]

    def filled(self, y: Tensor, indices: Sequence[Index]) -> Tensor:
        """The remembered logits with those of some places (N, K, *S) written over them."""
        assert self._y is not None
        out = self._y.clone()
        for index in indices:
            place = (index[0], slice(None), *index[2:])
            out[place] = y[place]
        return out
