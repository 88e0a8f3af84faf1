"""Precision: whether an attack's passes through a network gain from bfloat16, and when they do so.

A processor with the instructions for it, or a GPU, runs most networks several times as fast in
bfloat16, whose 8 bits change the sign of the gradient only where it is next to nothing. So the
steps of an attack may be made with it; the last ones, and every judgement, are in float32.
"""

import hashlib
import json
import math
import os
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, get_args

import platformdirs
import torch
from torch import Tensor

from ..common.atomic_files import write_text
from ..common.device import Precision, describe_processor
from ..common.wording import in_percent
from ..errors import SegadvError
from .pipeline import owner
from .windows import Passes

# What "auto" means can be set for all runs on a machine.
VARIABLE = "SEGADV_PRECISION"
# bfloat16 is used if a pass takes at most 1 / GAIN of its time in float32, and if of the entries of
# the gradient above the mean at least AGREE keep their sign.
GAIN, AGREE = 1.25, 0.98
# An attack of fewer steps ends before a trial has paid: "auto" does not try.
FEWEST = 10
# Timed passes of a trial in each precision; the quickest counts.
ROUNDS = 3
# Success by which float32 may fall short of bfloat16 without a word.
GAP = 0.02

Run = Callable[[Tensor], Tensor]


class Reduced:
    """Whether networks compute in bfloat16 at the moment, and how many passes they have made so.

    Attributes:
        forward, backward: passes in bfloat16 up to when it was last turned off.
        gap: by how much float32 found less success than bfloat16 in one image, at most.
    """

    def __init__(self, passes: Callable[[], Passes] = Passes) -> None:
        """Make a switch that is off.

        Args:
            passes: gives the work of the networks so far, in either precision.
        """
        self._passes, self._since = passes, Passes()
        self._on = False
        self.forward = self.backward = self.gap = 0.0

    @property
    def on(self) -> bool:
        """Whether networks compute in bfloat16; turn it off before anything is judged."""
        return self._on

    @on.setter
    def on(self, value: bool) -> None:
        now = self._passes()
        if self._on:
            self.forward += now.forward - self._since.forward
            self.backward += now.backward - self._since.backward
        self._on, self._since = value, Passes(now.forward, now.backward)

    def compare(self, rough: Tensor, exact: Tensor) -> None:
        """Note the success (N,) of the same images in bfloat16 and in float32."""
        self.gap = max(self.gap, float((rough - exact).max()))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of a run in which the two precisions disagreed."""
        if self.gap <= GAP:
            return ()
        return (
            f"in bfloat16 the model seemed {in_percent(self.gap, 1)} nearer to the goal than it is "
            "in float32, in which the run went on; in float32 from its start it may come further",
        )


@dataclass(frozen=True)
class Trial:
    """What a pass of a network gains from bfloat16.

    Attributes:
        gain: the time of a forward and a backward pass in float32, over that in bfloat16; 0 if the
            network does not run in bfloat16.
        agreement: of the entries of the gradient above their mean size, the share of the same sign.
    """

    gain: float
    agreement: float

    @property
    def pays(self) -> bool:
        """Whether the steps of an attack should be made in bfloat16."""
        return self.gain >= GAIN and self.agreement >= AGREE


class Tried(Protocol):
    """A victim on a scan, as a trial sees it."""

    victim: Any
    device: torch.device
    passes: Passes
    reduced: Reduced | None

    def sample(self) -> tuple[Tensor, Run]:
        """Return a piece of what the network sees, and the logits as a function of it."""


def reduced_for(
    asked: str, models: Sequence[Tried], passes: Callable[[], Passes], steps: int | None
) -> Reduced | None:
    """Return the switch for the attack's passes; None if all of them are in float32.

    Args:
        asked: "auto" (what pays for these networks on this machine), "float32" or "bfloat16".
        models: the networks that the attack sees.
        passes: gives their work so far.
        steps: how many the attack takes at most; None: as many as it needs.

    Raises:
        SegadvError: if the precision is unknown.
    """
    if asked == "auto":
        asked = os.environ.get(VARIABLE) or asked
    if asked not in get_args(Precision):
        known = ", ".join(get_args(Precision))
        raise SegadvError(f"precision {asked}: unknown; use one of {known}")
    if asked == "float32" or not models:
        return None
    if asked == "auto" and not _pays(models, steps):
        return None
    switch = Reduced(passes)
    for model in models:
        model.reduced = switch
    return switch


def _pays(models: Sequence[Tried], steps: int | None) -> bool:
    """Return whether bfloat16 pays for all the networks of an attack."""
    if steps is not None and steps < FEWEST:
        return False
    return all(trial(model).pays for model in models)


def trial(model: Tried) -> Trial:
    """Return what a victim gains from bfloat16: measured once for each network and machine."""
    key = _key(model)
    known = _known(model, key)
    if known is None:
        known = _try(model)
        _keep(model, key, known)
    return known


def _try(model: Tried) -> Trial:
    """Time passes of one piece of the image in turn, and compare their gradients."""
    before, switch = (model.reduced, model.passes), Reduced()
    model.reduced, model.passes = switch, Passes()
    try:
        x, run = model.sample()

        def gradient(on: bool) -> tuple[Tensor, float]:
            switch.on = on
            started = _now(model.device)
            leaf = x.detach().clone().requires_grad_()
            y = run(leaf)
            weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(0)).to(y)
            (found,) = torch.autograd.grad(y, leaf, weights)
            return found, _now(model.device) - started

        # What is loaded and laid out at the first pass in a precision doesn't count.
        exact, rough = gradient(False)[0], gradient(True)[0]
        times: dict[bool, float] = {False: math.inf, True: math.inf}
        for _ in range(ROUNDS):
            for on in times:
                times[on] = min(times[on], gradient(on)[1])
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, SegadvError):
        return Trial(0.0, 0.0)
    finally:
        model.reduced, model.passes = before
    return Trial(times[False] / max(times[True], 1e-9), _agreement(exact, rough))


def _agreement(exact: Tensor, rough: Tensor) -> float:
    size = exact.abs()
    large = size > size.mean()
    if not large.any() or not bool(torch.isfinite(rough).all()):
        return 0.0
    return float((exact.sign() == rough.sign())[large].float().mean())


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


# Trials by network, for those that come from no file.
_TRIED: "weakref.WeakKeyDictionary[Any, dict[str, Trial]]" = weakref.WeakKeyDictionary()


def _store() -> Path:
    return Path(platformdirs.user_cache_dir("napari-segadv", appauthor=False)) / "precision.json"


def _key(model: Tried) -> str:
    """Return what a trial depends on: the network's file, and what computes."""
    parts = (
        _file(model),
        describe_processor(str(model.device)),
        str(torch.get_num_threads()),
        torch.__version__,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _file(model: Tried) -> str:
    """Return the hash of a victim's file; "" if it comes from none."""
    return str(getattr(model.victim, "sha256", ""))


def _known(model: Tried, key: str) -> Trial | None:
    with suppress(TypeError):
        found = _TRIED.get(owner(model.victim.network), {}).get(key)
        if found is not None:
            return found
    if not _file(model):
        return None
    one = _stored().get(key)
    if not isinstance(one, dict):
        return None
    with suppress(KeyError, TypeError, ValueError):
        return Trial(float(one["gain"]), float(one["agreement"]))
    return None


def _stored() -> dict[str, Any]:
    try:
        known = json.loads(_store().read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _keep(model: Tried, key: str, found: Trial) -> None:
    # Some objects can't be remembered, and some caches not written: then each run tries again.
    with suppress(TypeError):
        _TRIED.setdefault(owner(model.victim.network), {})[key] = found
    if _file(model):
        with suppress(OSError, SegadvError):
            _store().parent.mkdir(parents=True, exist_ok=True)
            write_text(_store(), json.dumps({**_stored(), key: asdict(found)}, indent=1))
