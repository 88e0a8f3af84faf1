"""Clean predictions that are known: nobody waits a second time for what a victim said of an image.

They are kept for as long as the victim lives: within a session, a table, a reproduction. What
counts is the image as the victim gets it, by its hash, on its grid. Other weights, devices and
presentations have predictions of their own.
"""

import copy
import threading
import weakref
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..common.hashing import sha256_of_array
from .bound import BoundVictim
from .pipeline import Pipeline

# Predictions that are kept of a victim, and the most bytes of one.
MOST, LARGEST = 4, 1 << 28
Key = tuple[Hashable, ...]


@dataclass(frozen=True, eq=False)
class Known:
    """A clean prediction.

    Attributes:
        prediction: what the victim predicts.
        notes: how well its own program is reproduced, see `BoundVictim.agreement_notes`.
    """

    prediction: Any
    notes: tuple[str, ...]

    def copied(self) -> "Known":
        """Return a copy, which its owner may change."""
        return Known(copy.deepcopy(self.prediction), self.notes)


class KnownPredictions:
    """The last clean predictions of each victim that was loaded from a file."""

    def __init__(self) -> None:
        self._kept: weakref.WeakKeyDictionary[Pipeline, OrderedDict[Key, Known]]
        self._kept = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def get(self, victim: Pipeline, bound: BoundVictim) -> Known | None:
        """Return what is known of a victim on a scan; None if nothing is."""
        key = _key(victim, bound)
        with self._lock:
            kept = self._kept.get(victim)
            if key is None or kept is None or key not in kept:
                return None
            kept.move_to_end(key)
            return kept[key].copied()

    def put(
        self, victim: Pipeline, bound: BoundVictim, prediction: Any, notes: tuple[str, ...]
    ) -> None:
        """Keep what a victim predicts of a scan, unless its network may change unnoticed."""
        key = _key(victim, bound)
        if key is None or prediction.array.nbytes > LARGEST:
            return
        with self._lock:
            kept = self._kept.setdefault(victim, OrderedDict())
            kept[key] = Known(prediction, notes).copied()
            while len(kept) > MOST:
                kept.popitem(last=False)


KNOWN = KnownPredictions()


def _key(victim: Pipeline, bound: BoundVictim) -> Key | None:
    """Return what a prediction depends on; None if it depends on more than can be seen.

    A pass in pieces that are remembered has to run: what it leaves behind is wanted.
    """
    network = victim.network
    if (
        not getattr(victim, "sha256", "")
        or not isinstance(network, nn.Module)
        or isinstance(network, torch.jit.ScriptModule)
        or bound.recall is not None
    ):
        return None
    grid = bound.scan.grid
    place = (grid.shape, grid.spacing, grid.origin, grid.direction.tobytes(), grid.physical)
    # Whoever writes into weights raises their version.
    weights = tuple((id(w), w._version) for w in (*network.parameters(), *network.buffers()))
    image = sha256_of_array(bound.image.cpu().numpy())
    return image, place, repr(bound.presented), str(bound.device), weights
