"""The attacker's surrogates: networks of the victim's kind, trained on other phantoms."""

import tempfile
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from ..io.cases import Case, ClassMap
from ..samples import DEMO, phantom_modules
from ..training.victim.fit import train
from ..training.victim.recipe import Recipe
from ..training.victim.run import finish
from ..victims import Victim, load_victim
from .bench import Done, phantoms

# Seed of the first phantom: nothing else is trained or measured on phantoms from this seed on.
SURROGATE_SEED = 50_000
CASES, EPOCHS, QUICK_CASES = 240, 10, 4
# Width and seed of each; a table of one surrogate takes the first.
KINDS = ((10, 1), (14, 2), (8, 3))


def train_surrogates(
    victim: Victim, quick: bool, keep: Path | None = None
) -> Generator[Done, None, tuple[Victim, ...]]:
    """Train UNets at half the resolution on fresh phantoms of a built-in 2-D victim.

    All see the same phantoms; they differ in width and seed.

    Args:
        victim: the built-in victim.
        quick: train one epoch on a few small phantoms.
        keep: folder for their bundles, surrogate-1 and so on; None: they are not kept.
    """
    name = victim.name.removeprefix(DEMO)
    classes = phantom_modules()[name].CLASSES
    mapping = ClassMap(classes, tuple((n,) for n in range(1, len(classes))))
    recipe = Recipe(
        dims=2,
        levels=5,
        epochs=1 if quick else EPOCHS,
        resize=(64, 64) if quick else (256, 256),
        window=(0, 255),
    )
    yield Done(0, recipe.epochs, "drawing phantoms for the surrogates")
    cases = phantoms(name, QUICK_CASES if quick else CASES, SURROGATE_SEED)
    found = []
    with tempfile.TemporaryDirectory(prefix="segadv-") as folder:
        for number, (width, seed) in enumerate(KINDS, start=1):
            called = f"surrogate-{number}"
            one = replace(recipe, width=width, seed=seed)
            place = Path(keep or folder) / called
            found.append((yield from _train(cases, mapping, one, place, called)))
    return tuple(found)


def _train(
    cases: Sequence[Case], mapping: ClassMap, recipe: Recipe, place: Path, name: str
) -> Generator[Done, None, Victim]:
    """Train one surrogate and write its bundle to a place."""
    run = train(cases, mapping, recipe)
    while True:
        try:
            epoch = next(run)
        except StopIteration as stop:
            trained = stop.value
            break
        yield Done(epoch.step, epoch.steps, f"training {name}: {epoch}")
    finish(trained, place, name, cases[:2], mapping, unseen=False)
    return load_victim(place)
