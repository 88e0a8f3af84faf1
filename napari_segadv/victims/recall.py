"""Recall: remembers what a network said, so that pieces that have not changed need no new pass."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .graphs import Graphs
from .pieces import Index, Pieces


@dataclass(frozen=True)
class Due:
    """The chunks whose outputs an image needs.

    Attributes:
        changed: the pieces that differ from what is remembered, and those that run with them.
        numbers: of the chunks that hold or overlap one of them, in their order.
        still: of those chunks, the ones without a piece that differs.
    """

    changed: list[Index]
    numbers: list[int]
    still: frozenset[int]


class Recall:
    """The first image that went through the network in pieces, and what the network said of it.

    Where the noise does not reach, an image stays the same, and its pieces need not run again. The
    logits that are remembered stand where nothing near has changed. A piece that is the same, but
    overlaps one that is not, gives the output that is remembered of it. The result equals that of a
    whole pass, bit for bit.

    Attributes:
        memory: what is remembered has to fit into it; None: image and logits are remembered
            whatever they take, and no outputs of single pieces.
        finely: whether the image is known to change in a part alone. Then slices run one at a
            time, so that a few of many cost little.
    """

    def __init__(self, memory: Graphs | None = None, *, finely: bool = False) -> None:
        self.memory, self.finely = memory, finely
        self._x: Tensor | None = None
        self._y: Tensor | None = None
        # By the numbers of chunks: what they said, and for which of them there is room.
        self._said: dict[int, Tensor] = {}
        self._room: set[int] = set()
        # Whether image and logits may be remembered; None: nobody has asked yet.
        self._fits: bool | None = None
        # Whether they are remembered whatever they take.
        self._free = False
        self._taken = 0
        self._rough: Recall | None = None

    def within(self, memory: Graphs | None) -> "Recall":
        """Return one of which all that is remembered from now on has to fit into a memory.

        It knows the image that is remembered whatever it takes. One that is remembered because
        there was room is left out: what a network says must not depend on the memory, and other
        passes may be of another precision.
        """
        made = Recall(memory, finely=self.finely)
        if self._free:
            made._x, made._y, made._free = self._x, self._y, True
        return made

    def of(self, rough: bool) -> "Recall":
        """Return what rough passes, or exact ones, go by: outputs of the same precision.

        Where nothing near has changed, rough passes take what was said of an image that is
        remembered whatever it takes, which is exact.
        """
        if not rough:
            return self
        if self._rough is None:
            self._rough = self.within(self.memory)
        return self._rough

    def expect(self, x: Tensor, y: Tensor) -> None:
        """Make room for an image (N, C, *S) and its logits (N, K, *S), if none is remembered."""
        if self._x is None and self._fits is None:
            self._fits = self._take(x.nbytes + y.nbytes)

    def keep(self, x: Tensor, y: Tensor) -> None:
        """Remember an image and its logits, unless one is remembered or they do not fit."""
        if self._x is None and self._fits:
            self._x, self._y = x.detach().clone(), y.detach().clone()
            self._free = self.memory is None

    def due(self, x: Tensor, pieces: Pieces) -> Due | None:
        """Return what has to run for an image (N, C, *S); None if nothing of it is remembered: all.

        If an image differs everywhere, so will all that follow, unless it is known to change in a
        part alone, as a copy of less contrast may stand between. So all is forgotten.
        """
        if self._x is None or self._y is None or self._x.shape != x.shape:
            return None
        differs = (self._x != x).any(1, keepdim=True)
        indices = pieces.indices
        # One transfer from the device instead of one for each piece.
        flags = torch.stack([differs[i[0], :, *i[2:]].any() for i in indices]).cpu().numpy()
        if flags.all():
            if not self.finely:
                self._drop()
            return None
        # Pieces that run together count together: a network may mix them.
        moved = set(pieces.chunk_of[flags].tolist())
        flags = np.isin(pieces.chunk_of, list(moved))
        chunks = pieces.touching(flags)
        still = frozenset(number for number in chunks if number not in moved)
        if self.memory is not None:
            self._make_room(still - self._room, pieces)
        changed = [index for index, flag in zip(indices, flags, strict=True) if flag]
        return Due(changed, chunks, still)

    def _drop(self) -> None:
        """Forget what is remembered for good, and give its memory back."""
        self._x = self._y = None
        self._fits = False
        self._said.clear()
        self._room.clear()
        if self.memory is not None:
            self.memory.give_back(self._taken)
        self._taken = 0

    def _take(self, size: int) -> bool:
        """Take memory, if that has a limit; return whether there was room."""
        if self.memory is None or not self.memory.take(size):
            return self.memory is None
        self._taken += size
        return True

    def _make_room(self, numbers: frozenset[int], pieces: Pieces) -> None:
        """Make room for what some chunks will say, before graphs take it."""
        assert self._x is not None
        assert self._y is not None
        each = self._y.nbytes // (self._x.shape[0] * self._x.shape[2:].numel())
        for number in sorted(numbers):
            if not self._take(each * pieces.pixels(number, self._x)):
                return
            self._room.add(number)

    def said(self, number: int) -> Tensor | None:
        """Return what a chunk says of the image that is remembered; None if that is unknown."""
        return self._said.get(number)

    def note(self, number: int, y: Tensor) -> None:
        """Remember what a chunk says, if there is room for it."""
        if number in self._room:
            # What is left of a larger tensor would hold all of it.
            alone = y.untyped_storage().nbytes() == y.nbytes
            self._said[number] = y.detach() if alone else y.detach().clone()

    def filled(self, y: Tensor, changed: list[Index]) -> Tensor:
        """Return the remembered logits, overwritten by those in y (N, K, *S) at some pieces."""
        assert self._y is not None
        out = self._y.clone()
        for index in changed:
            place = (index[0], slice(None), *index[2:])
            out[place] = y[place]
        return out
