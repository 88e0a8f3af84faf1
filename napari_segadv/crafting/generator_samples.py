"""Samples that a generator draws for one image, each a separate example."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..attacks.methods.synthesis import Synthesis
from ..data.scan import Scan
from ..results.example import Example
from ..victims import Victim
from . import craft


def samples(
    scan: Scan,
    victim: Victim,
    generator: str | Path,
    count: int,
    *,
    epsilon: float | None = None,
    seed: int = 0,
    **options: Any,
) -> Iterator[Example]:
    """Yield examples, each from one draw of the latent codes and measured from its file.

    Args:
        scan, victim: as for `craft`.
        generator: folder of a trained generator.
        count: how many samples to draw.
        epsilon: limit of the whole change, in the scan's units; None: no limit.
        seed: seed of the first sample. Sample k, from 0, is the one that `craft` makes with
            `samples=1` and the seed `seed + k`.
        options: keyword arguments of `craft`.

    Raises:
        SegadvError: if the parts do not fit each other.
    """
    attack = Synthesis(generator=str(generator), samples=1, epsilon=epsilon)
    for number in range(count):
        yield craft(scan, victim, attack, seed=seed + number, **options)
