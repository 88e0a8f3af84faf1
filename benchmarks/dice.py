"""Measure the built-in victims on phantoms that none was trained on. Prints a Markdown table.

Victims that segment are measured by Dice, those that detect by average precision (IoU 0.5), those
that classify by the share of correct classes. Run: python benchmarks/dice.py [--victim NAME]
"""

import argparse

import torch

from napari_segadv import load_victim
from napari_segadv.data.boxes import mean_precision
from napari_segadv.io.cases import Case, ClassMap
from napari_segadv.samples import bundles, phantom, phantom_modules
from napari_segadv.training.victim.fit import dice_table
from napari_segadv.training.victim.grades import accuracy
from napari_segadv.victims import Victim
from napari_segadv.victims.detections import detected

FIRST_SEED = 30_000
# Boxes with at least this score count for the average precision.
LEAST_SCORE = 0.02
CASES = {"segmentation": 20, "classification": 100, "detection": 60}


def dice(victim: Victim, name: str, seeds: range) -> dict[str, float]:
    names = phantom_modules()[name].CLASSES
    classes = ClassMap(names, tuple((n,) for n in range(1, len(names))))
    return dice_table(victim, [Case(*phantom(name, seed)) for seed in seeds], classes)


def precision(victim: Victim, name: str, seeds: range) -> dict[str, float]:
    found, truths = [], []
    for seed in seeds:
        scan, truth = phantom(name, seed)
        model = victim.on(scan)
        with torch.no_grad():
            found.append(detected(model, model.image, LEAST_SCORE))
        truths.append(truth)
    return mean_precision(found, truths, victim.classes)


def graded(victim: Victim, name: str, seeds: range) -> dict[str, float]:
    return accuracy(victim, (phantom(name, seed) for seed in seeds))


MEASURES = {
    "segmentation": ("Dice", dice),
    "classification": ("share", graded),
    "detection": ("AP", precision),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=0, help="0: the usual number for the task")
    parser.add_argument("--victim", choices=list(bundles()), help="measure only this one")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("| victim | size | measured on | mean |\n| --- | --- | --- | --- |")
    for name, folder in bundles().items():
        if options.victim not in (None, name):
            continue
        victim = load_victim(f"demo:{name}")
        count = options.cases or CASES[victim.task.name]
        title, measure = MEASURES[victim.task.name]
        figures = measure(victim, name, range(FIRST_SEED, FIRST_SEED + count))
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        listed = ", ".join(f"{label} {value:.3f}" for label, value in figures.items())
        print(f"| `demo:{name}` | {size / 1e6:.2f} MB | {count} | {title}: {listed} |", flush=True)


if __name__ == "__main__":
    main()
