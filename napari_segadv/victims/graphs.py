"""Graphs of pieces that are kept from the forward to the backward pass, as far as memory allows."""

import math
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..common.memory import available
from ..errors import SegadvError

# Share of the free memory that graphs may take if nobody says how much.
SHARE = 0.5
GIB = 2**30


def budget(gigabytes: float | None, device: torch.device) -> int:
    """Return how many bytes graphs may take on a device.

    Args:
        gigabytes: as somebody said; None: half of what is free.
        device: where they lie.

    Raises:
        SegadvError: if it is not a number of at least 0.
    """
    if gigabytes is not None:
        if not 0 <= gigabytes < math.inf:
            raise SegadvError(f"memory {gigabytes:g}: give GiB, from 0")
        return int(gigabytes * GIB)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available()
    return int(SHARE * free)


class Graphs:
    """The memory for graphs, and which pieces are worth one.

    A piece whose graph is kept needs no second forward pass. Those that mattered in the last
    backward pass come first: where all pixels are at the target, a margin has no gradient.

    Attributes:
        budget: bytes that the graphs may take, together with the one that a piece takes that runs
            a second time, and with what is remembered of pieces that do not change.
        used: bytes that they take at the moment.
        most: the most that they have taken.
    """

    def __init__(self, budget: int) -> None:
        self.budget, self.used, self.most = budget, 0, 0
        # Bytes of the largest graph so far; None: there was none.
        self._need: int | None = None
        # For each number of pieces, those that mattered last.
        self._mattered: dict[int, frozenset[int]] = {}

    def worth(self, number: int, count: int) -> bool:
        """Return whether to keep the graph of one of so many pieces."""
        mattered = self._mattered.get(count)
        if mattered is not None and number not in mattered:
            return False
        # One more has to fit, for a piece that runs a second time.
        return self._need is None or self.used + 2 * self._need <= self.budget

    def noted(self, numbers: Sequence[int], count: int) -> None:
        """Note which of so many pieces mattered."""
        self._mattered[count] = frozenset(numbers)

    def keep(self, run: Callable[[], Tensor], held: "Held") -> tuple[Tensor, bool]:
        """Run a piece with a graph; return its output, and whether the graph is to be kept.

        Args:
            run: returns the output.
            held: what is kept with it.
        """
        sizes: dict[int, int] = {}

        def count(tensor: Tensor) -> Tensor:
            # Tensors that are saved twice, and views of one, are one storage.
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(count, _same):
            out = run()
        need = sum(sizes.values())
        self._need = max(self._need or 0, need)
        if not out.requires_grad or self.used + 2 * need > self.budget:
            return out, False
        held.bytes += need
        self.used += need
        self.most = max(self.most, self.used)
        return out, True

    def take(self, size: int) -> bool:
        """Take memory for something else that saves passes; return whether there was room.

        It stays taken: graphs come and go around it.
        """
        if self.used + size + (self._need or 0) > self.budget:
            return False
        self.used += size
        self.most = max(self.most, self.used)
        return True

    def give_back(self, size: int) -> None:
        """Give memory back that was taken."""
        self.used -= size

    def free(self, size: list[int]) -> None:
        """Take back the memory of graphs that are gone."""
        self.used -= size[0]
        size[0] = 0


class Held:
    """The graphs of one forward pass: inputs and outputs of pieces, by their numbers."""

    def __init__(self, graphs: Graphs) -> None:
        self.graphs = graphs
        self.pieces: dict[int, tuple[Tensor, Tensor]] = {}
        self._size = [0]
        # A graph that is dropped without a backward pass gives its memory back, too.
        self._gone = weakref.finalize(self, graphs.free, self._size)
        self._gone.atexit = False

    @property
    def bytes(self) -> int:
        """How much memory they take."""
        return self._size[0]

    @bytes.setter
    def bytes(self, size: int) -> None:
        self._size[0] = size

    def pull(self, number: int, cotangent: Tensor) -> Tensor | None:
        """Return the gradient of a piece's input, and drop its graph; None if it was not kept."""
        leaf, out = self.pieces.pop(number, (None, None))
        if leaf is None or out is None:
            return None
        (back,) = torch.autograd.grad(out, leaf, cotangent)
        return back

    def clear(self) -> None:
        """Drop all."""
        self.pieces.clear()
        self.graphs.free(self._size)


def _same(tensor: Any) -> Any:
    return tensor
