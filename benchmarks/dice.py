"""Dice of the built-in victims on phantoms that none was trained on. Prints a Markdown table.

Run: python benchmarks/dice.py
"""

import argparse

import torch

from napari_segadv import load_victim
from napari_segadv.samples import bundles, generators, phantom
from napari_segadv.victims.training.cases import Case, ClassMap
from napari_segadv.victims.training.fit import dice_table

FIRST_SEED = 30_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(2)
    print("| victim | size | Dice, mean of", options.cases, "|\n| --- | --- | --- |")
    for name, folder in bundles().items():
        names = generators()[name].CLASSES
        classes = ClassMap(names, tuple((n,) for n in range(1, len(names))))
        cases = [Case(*phantom(name, FIRST_SEED + n)) for n in range(options.cases)]
        dice = dice_table(load_victim(f"demo:{name}"), cases, classes)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        listed = ", ".join(f"{label} {value:.3f}" for label, value in dice.items())
        print(f"| `demo:{name}` | {size / 1e6:.2f} MB | {listed} |", flush=True)


if __name__ == "__main__":
    main()
