"""Learned synthesis on slices of the abdominal phantom: Chen 2019's table 1 with a 2-D victim.

Trains the victim and a generator for each row, and prints a Markdown table, then the cost of a step
of `deform` relative to one of `pgd`. The generators stay in --out; complete ones are not trained
again. Run: python benchmarks/synthesis.py --out DIR
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from napari_segadv import attacks, load_victim
from napari_segadv.attacks import Attack, Problem
from napari_segadv.attacks.fields.recipe import Recipe
from napari_segadv.common.generators import finished
from napari_segadv.io.cases import Case, ClassMap
from napari_segadv.reproduce.bench import phantoms
from napari_segadv.reproduce.slices import PHANTOM, VICTIM, recipe_for, slices_of
from napari_segadv.reproduce.synthesis_table import Row, table
from napari_segadv.samples import phantom
from napari_segadv.training.generator.pieces import piece_of
from napari_segadv.training.victim.fit import train
from napari_segadv.training.victim.run import finish

# First seed, number of phantoms, and slices of each: to train the generators, to measure.
IMAGES, CASES = (500, 10, 6), (10_000, 4, 6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=30, help="epochs of each generator")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cases = slices(*CASES)
    bundle = options.out / "victim"
    if not bundle.exists():
        train_victim(bundle, cases)
    victim = load_victim(bundle)
    images = [case.scan for case in slices(*IMAGES)]
    recipe = Recipe(epochs=options.epochs)
    rows = finished(table(images, cases, victim, options.out / "generators", recipe=recipe))
    show(rows, victim.classes[1:])
    chest = load_victim("demo:chest-xray")
    piece = piece_of(phantom("chest-xray", 20_001)[0], chest, "cpu")
    assert piece is not None
    plain = seconds(attacks.PGD(steps=12, goal=None), piece.problem)
    for parts in ("both", "intensity"):
        share = seconds(attacks.Deform(steps=12, parts=parts), piece.problem) / plain
        print(f"\nA step of deform, {parts}: {share:.2f} of one of pgd.")


def slices(first: int, count: int, each: int) -> list[Case]:
    """Return slices of phantoms."""
    return slices_of(phantoms(PHANTOM, count, first), each)


def train_victim(bundle: Path, cases: list[Case]) -> None:
    """Train a 2-D U-Net for the phantom's classes."""
    own = slices(*VICTIM)
    names = own[0].mask.classes
    classes = ClassMap(names, tuple((n,) for n in range(1, len(names))))
    trained = finished(train(own, classes, recipe_for(quick=False)))
    finish(trained, bundle, "slices", cases, classes, unseen=True)


def show(rows: list[Row], organs: tuple[str, ...]) -> None:
    """Print the table, Dice x 100."""
    heads = ("fields", "xi", *organs, "mean", "p", "passes", "training")
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    clean = [100 * rows[0].clean[name] for name in organs]
    print(f"| none | | {' | '.join(f'{v:.1f}' for v in [*clean, np.mean(clean)])} | | | |")
    for row in rows:
        dice = [100 * row.dice[name] for name in organs]
        cells = [row.parts, f"{row.xi:g}", *(f"{value:.1f}" for value in [*dice, np.mean(dice)])]
        cells += [f"{row.change:.3f}", f"{row.forward:.0f}", f"{row.seconds:.0f} s"]
        print(f"| {' | '.join(cells)} |")


def seconds(attack: Attack, problem: Problem) -> float:
    """Return the processor time of a step in seconds: other programs don't count."""
    started = time.process_time()
    steps = finished(attack.run(problem)).steps
    return (time.process_time() - started) / steps


if __name__ == "__main__":
    main()
