"""The attacker's surrogate: a second network of the same kind, trained on other phantoms."""

import tempfile
from collections.abc import Generator
from pathlib import Path

from ..io.cases import ClassMap
from ..samples import DEMO, phantom_modules
from ..training.victim.fit import train
from ..training.victim.recipe import Recipe
from ..training.victim.run import finish
from ..victims import Victim, load_victim
from .bench import Done, phantoms

# Seed of the first phantom: nothing else is trained or measured on phantoms from this seed on.
SURROGATE_SEED = 50_000
CASES, EPOCHS, QUICK_CASES = 240, 10, 4


def train_surrogate(victim: Victim, quick: bool) -> Generator[Done, None, Victim]:
    """Train a UNet at half the resolution on fresh phantoms of a built-in 2-D victim."""
    name = victim.name.removeprefix(DEMO)
    classes = phantom_modules()[name].CLASSES
    mapping = ClassMap(classes, tuple((n,) for n in range(1, len(classes))))
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
    cases = phantoms(name, QUICK_CASES if quick else CASES, SURROGATE_SEED)
    run = train(cases, mapping, recipe)
    while True:
        try:
            epoch = next(run)
        except StopIteration as stop:
            trained = stop.value
            break
        yield Done(epoch.step, epoch.steps, f"training the surrogate: {epoch}")
    with tempfile.TemporaryDirectory(prefix="segadv-") as folder:
        place = Path(folder) / "surrogate"
        finish(trained, place, "surrogate", cases[:2], mapping, unseen=False)
        return load_victim(place)
