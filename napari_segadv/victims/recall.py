"""Recall: remembers a network's output, so that pieces that have not changed need no new pass."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .pieces import Index, Pieces


class Recall:
    """The first image that went through the network in pieces, and its logits.

    If the noise is confined to a few slices, all others stay the same and need not run again. The
    result equals that of a whole pass, bit for bit. Costs the memory of the image and its logits.
    """

    def __init__(self) -> None:
        self._x: Tensor | None = None
        self._y: Tensor | None = None

    def keep(self, x: Tensor, y: Tensor) -> None:
        """Remember an image (N, C, *S) and its logits (N, K, *S), unless one is remembered."""
        if self._x is None:
            self._x, self._y = x.detach().clone(), y.detach().clone()

    def changed(self, x: Tensor, pieces: Pieces) -> list[Index] | None:
        """Return the pieces that differ from the remembered image.

        None if no image of this shape is remembered.
        """
        if self._x is None or self._x.shape != x.shape:
            return None
        differs = (self._x != x).any(1, keepdim=True)
        indices = [index for chunk in pieces.chunks for index in chunk]
        # One transfer from the device instead of one for each piece.
        flags = torch.stack([differs[i[0], :, *i[2:]].any() for i in indices]).tolist()
        return [index for index, flag in zip(indices, flags, strict=True) if flag]

    def filled(self, y: Tensor, indices: Sequence[Index]) -> Tensor:
        """Return the remembered logits, overwritten by those in y (N, K, *S) at some pieces."""
        assert self._y is not None
        out = self._y.clone()
        for index in indices:
            place = (index[0], slice(None), *index[2:])
            out[place] = y[place]
        return out
