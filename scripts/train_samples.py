"""Train a built-in victim on phantoms: python scripts/train_samples.py NAME --out DIR."""

import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from napari_segadv.cli.terminal import guarded
from napari_segadv.io.cases import Case, ClassMap
from napari_segadv.samples import phantom, phantom_modules
from napari_segadv.training.victim.fit import Trained, train
from napari_segadv.training.victim.recipe import Recipe
from napari_segadv.training.victim.run import finish

log = logging.getLogger(__name__)

# First seed of the phantoms to measure on: nothing is trained on them.
TEST_SEED = 10_000

RECIPES = {
    "abdomen-ct": Recipe(
        dims=3, width=16, levels=4, epochs=14, spacing=(3.0, 3.0, 3.0), window=(-160, 240)
    ),
    "chest-xray": Recipe(
        dims=2, width=10, widest=112, levels=6, epochs=12, resize=(512, 512), window=(0, 255)
    ),
    "fundus": Recipe(
        dims=2,
        network="segresnet",  # its first level has every pixel, and vessels are a few pixels wide
        width=8,
        levels=5,
        epochs=16,
        bend=0.0,  # no two eyes are alike anyway, and turning blurs the labels' edges
        patch=(256, 256),
        patches=2,
        resize=(512, 512),
        window=(20, 255),
        crop=True,
    ),
}
CASES = {"abdomen-ct": 100, "chest-xray": 800, "fundus": 750}
# Phantoms to measure on. Eyes differ more from each other than chests do.
TESTS = {"abdomen-ct": 20, "chest-xray": 20, "fundus": 100}


def cases(name: str, first: int, count: int) -> list[Case]:
    """Draw phantoms of consecutive seeds."""
    return [Case(*phantom(name, first + n)) for n in range(count)]


def class_map(name: str) -> ClassMap:
    """Return the phantom's own classes."""
    names = phantom_modules()[name].CLASSES
    return ClassMap(names, tuple((n,) for n in range(1, len(names))))


def train_victim(name: str, out: Path, count: int, tests: int, recipe: Recipe) -> None:
    """Train on `count` phantoms, measure on `tests` fresh ones, and write the bundle."""
    classes = class_map(name)
    log.info("drawing %d phantoms", count)
    trained = run(train(cases(name, 0, count), classes, recipe))
    fresh = cases(name, TEST_SEED, tests)
    dice, about = finish(trained, out, name, fresh, classes, unseen=True)
    log.info("%s %s", about, {label: round(value, 4) for label, value in dice.items()})


def run(training: Iterator[object]) -> Trained:
    """Run a training and log its epochs."""
    started = time.monotonic()
    while True:
        try:
            log.info("%s after %.0f s", next(training), time.monotonic() - started)
        except StopIteration as stop:
            result: Trained = stop.value
            return result


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    name: Annotated[str, typer.Argument(help=", ".join(RECIPES))],
    out: Annotated[Path, typer.Option(help="Folder for the bundle.")],
    count: Annotated[int, typer.Option(help="Phantoms to train on; 0: the usual number.")] = 0,
    tests: Annotated[
        int, typer.Option(help="Fresh phantoms to measure on; 0: the usual number.")
    ] = 0,
    epochs: Annotated[int, typer.Option(help="Passes over the phantoms; 0: the usual number.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    bfloat16: Annotated[
        bool, typer.Option("--bfloat16", help="Compute in bfloat16: faster with AMX.")
    ] = False,
) -> None:
    """Train a built-in victim."""
    torch.set_num_threads(threads)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    recipe = RECIPES[name]
    recipe = replace(recipe, epochs=epochs or recipe.epochs, bfloat16=bfloat16)
    train_victim(name, out, count or CASES[name], tests or TESTS[name], recipe)


if __name__ == "__main__":
    guarded(lambda: app(standalone_mode=False))
