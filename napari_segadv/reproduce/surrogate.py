"""The attacker's surrogate: a second network of the same kind, trained on other phantoms."""

import time
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path

from ..common.atomic_files import written_whole
from ..io.cases import ClassMap
from ..samples import DEMO, phantom_modules
from ..training.victim.fit import train
from ..training.victim.recipe import Recipe
from ..training.victim.run import finish
from ..victims import Victim, load_victim
from .bench import PATIENCE, Done, phantoms
from .cells import Cells, hash_of
from .keys import of_code, of_setting

# Seed of the first phantom: nothing else is trained or measured on phantoms from this seed on.
SURROGATE_SEED = 50_000
CASES, EPOCHS, QUICK_CASES = 240, 10, 4
NAME = "surrogate"


def surrogate_for(victim: Victim, quick: bool, cells: Cells) -> Generator[Done, None, Victim]:
    """Return the surrogate of a built-in 2-D victim, trained once for all processes on a table.

    It stays beside the cells, in a folder that is there once it is complete.
    """
    recipe = recipe_for(quick)
    phantom = victim.name.removeprefix(DEMO)
    key = {"recipe": of_setting(asdict(recipe)), "phantom": phantom, "code": of_code()}
    place = cells.folder / f"{NAME}-{hash_of(key)[:32]}"
    while not place.exists():
        with cells.claim_file(place.name) as mine:
            # Another process may have finished it in between.
            if mine and not place.exists():
                yield from _train(phantom, recipe, quick, place)
        if not mine:
            yield Done(0, recipe.epochs, "waiting for another process, which trains the surrogate")
            time.sleep(PATIENCE)
    return load_victim(place / NAME)


def recipe_for(quick: bool) -> Recipe:
    """Return how the surrogate is trained: a UNet at half the resolution."""
    return Recipe(
        dims=2,
        width=10,
        levels=5,
        epochs=1 if quick else EPOCHS,
        resize=(64, 64) if quick else (256, 256),
        window=(0, 255),
        seed=1,
    )


def _train(phantom: str, recipe: Recipe, quick: bool, place: Path) -> Generator[Done, None, None]:
    """Train a network on fresh phantoms, and write its bundle into a folder, whole."""
    classes = phantom_modules()[phantom].CLASSES
    mapping = ClassMap(classes, tuple((n,) for n in range(1, len(classes))))
    yield Done(0, recipe.epochs, "drawing phantoms for the surrogate")
    cases = phantoms(phantom, QUICK_CASES if quick else CASES, SURROGATE_SEED)
    run = train(cases, mapping, recipe)
    while True:
        try:
            epoch = next(run)
        except StopIteration as stop:
            trained = stop.value
            break
        yield Done(epoch.step, epoch.steps, f"training the surrogate: {epoch}")
    with written_whole(place) as new:
        finish(trained, new / NAME, NAME, cases[:2], mapping, unseen=False)
