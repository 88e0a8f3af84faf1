"""The attacker's surrogates: networks of the victim's kind, trained on other phantoms."""

from collections.abc import Generator
from dataclasses import replace

from ..samples import DEMO
from ..training.victim.recipe import Recipe
from ..victims import Victim
from .bench import phantoms
from .cells import Cells
from .report import Done
from .trained import trained

# Seed of the first phantom: nothing else is trained or measured on phantoms from this seed on.
SURROGATE_SEED = 50_000
CASES, EPOCHS, QUICK_CASES = 240, 10, 4
# Width and seed of each; rows of one surrogate take the first.
KINDS = ((10, 1), (14, 2), (8, 3))


def train_surrogates(
    victim: Victim, quick: bool, cells: Cells
) -> Generator[Done, None, tuple[Victim, ...]]:
    """Train UNets at half the resolution on fresh phantoms of a built-in 2-D victim.

    All see the same phantoms; they differ in width and seed. Each stays beside the cells.

    Args:
        victim: the built-in victim.
        quick: train one epoch on a few small phantoms.
        cells: the folder, shared with other processes.
    """
    recipe = Recipe(
        dims=2,
        levels=5,
        epochs=1 if quick else EPOCHS,
        resize=(64, 64) if quick else (256, 256),
        window=(0, 255),
    )
    yield Done(0, recipe.epochs, "drawing phantoms for the surrogates")
    drawn = phantoms(
        victim.name.removeprefix(DEMO), QUICK_CASES if quick else CASES, SURROGATE_SEED
    )
    found = []
    for number, (width, seed) in enumerate(KINDS, start=1):
        one = replace(recipe, width=width, seed=seed)
        found.append((yield from trained(f"surrogate-{number}", one, drawn, drawn[:2], cells)))
    return tuple(found)
