"""All that a generator makes of one image, each sample an example of its own."""

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
    """Yields examples, each of one draw of the latent codes and measured from its file.

    Args:
        scan, victim: as for `craft`.
        generator: folder of a trained generator.
        count: how many to draw.
        epsilon: limit for the whole change, in the scan's units; None: none.
        seed: of the first; each further one has the next seed, as `craft` with one sample has.
        options: as `craft` takes them.

    Raises:
        SegadvError: where the parts do not fit each other.
    """
    attack = Synthesis(generator=str(generator), samples=1, epsilon=epsilon)
    for number in range(count):
        yield craft(scan, victim, attack, seed=seed + number, **options)
