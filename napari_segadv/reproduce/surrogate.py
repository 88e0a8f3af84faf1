"""The attacker's surrogate: a second network of the same kind, trained on other phantoms."""

from collections.abc import Generator

from ..samples import DEMO
from ..training.victim.recipe import Recipe
from ..victims import Victim
from .bench import Done, phantoms
from .cells import Cells
from .trained import trained

# Seed of the first phantom: nothing else is trained or measured on phantoms from this seed on.
SURROGATE_SEED = 50_000
CASES, EPOCHS, QUICK_CASES = 240, 10, 4


def surrogate_for(victim: Victim, quick: bool, cells: Cells) -> Generator[Done, None, Victim]:
    """Train a UNet at half the resolution on fresh phantoms of a built-in 2-D victim."""
    recipe = Recipe(
        dims=2,
        width=10,
        levels=5,
        epochs=1 if quick else EPOCHS,
        resize=(64, 64) if quick else (256, 256),
        window=(0, 255),
        seed=1,
    )
    yield Done(0, recipe.epochs, "drawing phantoms for the surrogate")
    drawn = phantoms(
        victim.name.removeprefix(DEMO), QUICK_CASES if quick else CASES, SURROGATE_SEED
    )
    return (yield from trained("surrogate", recipe, drawn, drawn[:2], cells))
