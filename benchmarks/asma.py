"""ASMA on networks that it was not tuned on: the published update, and the one that follows them.

Victims: built-in networks, small networks trained here on phantoms, and a brain network that
others made (--networks, the folder with brain_meshnet_small.ts; running this agrees to run it).
Each sees one image, real numbers as in the paper, and two targets: the structure as a heart, and
erased. Prints a Markdown table: what the published update (2,501 passes) ends with, the pass at
which ours has as much success and IoU, its L2 there, and how ours ends. Success is the smaller of
the shares changed as asked and left intact. Trained networks stay in --out. Run:
python benchmarks/asma.py --out DIR
"""

import argparse
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from napari_segadv import attacks, io, load_victim, targets
from napari_segadv.attacks import Attack
from napari_segadv.common.generators import finished
from napari_segadv.data.scan import Grid, Mask, Scan
from napari_segadv.io.cases import Case
from napari_segadv.measures.labels import Overlap, moved_and_kept
from napari_segadv.reproduce.bench import Bench, Step, phantoms
from napari_segadv.reproduce.cells import Cells
from napari_segadv.reproduce.real_scan import RealScan
from napari_segadv.reproduce.slices import slices_of
from napari_segadv.reproduce.trained import trained
from napari_segadv.training.victim.recipe import Recipe
from napari_segadv.victims import Victim

# No victim was trained or measured on phantoms from this seed on.
FIRST_SEED = 30_000
# The class of the phantoms that is changed: heart, disc, liver.
LABEL = 1
BUILT_IN = ("chest-xray", "fundus")
# The phantom of volumes, of which slices are taken.
VOLUMES = "abdomen-ct"
# Phantom, first seed to train on, how many, and what is trained.
TRAINED = {
    "U-Net of width 12": (
        "chest-xray", 60_000, 32, Recipe(width=12, levels=5, epochs=12, resize=(192, 192)),
    ),
    "SegResNet of width 8": (
        "fundus", 61_000, 32, Recipe(network="segresnet", width=8, epochs=12, resize=(160, 160)),
    ),
    "SegResNet of width 16": (
        "chest-xray", 63_000, 32, Recipe(network="segresnet", epochs=12, resize=(128, 128)),
    ),
    "U-Net of width 20": (
        VOLUMES, 62_000, 6, Recipe(width=20, levels=3, epochs=12, window=(-160, 240)),
    ),
}  # fmt: skip
NETWORK, HEAD = "brain_meshnet_small.ts", "brain_t1.nii.gz"
# The middle of the brain (z, y, x), as large as the network's window, and the tissue to change.
CROP, GREY = (slice(49, 145), slice(77, 173), slice(82, 178)), 2
PUBLISHED, OURS = 2501, 250

# A victim, an image, and the class that is changed.
Attacked = tuple[Victim, Scan, int]


@dataclass(frozen=True)
class Looked:
    """One pass: min(moved, kept), mean IoU with the target, and L2 in units of the window.

    A target that erases a structure holds only background there, so for such a target the
    background counts as one more structure.
    """

    success: float
    iou: float
    l2: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="where trained networks stay")
    parser.add_argument("--networks", type=Path, default=Path("../shared/data/networks"))
    parser.add_argument("--published", type=int, default=PUBLISHED, help="its passes")
    parser.add_argument("--only", default="", help="victims whose name contains this")
    options = parser.parse_args()
    torch.set_num_threads(1)
    heads = ("victim", "target", "published: success", "IoU", "L2", "ours: passes to both", "L2")
    print(f"| {' | '.join(heads)} | ours at its end: passes | success | IoU | L2 |")
    print(f"| {' | '.join(['---'] * 11)} |", flush=True)
    for name, load in victims(options.out, options.networks).items():
        if options.only not in name:
            continue
        victim, scan, label = load()
        bench = Bench(victim, [Case(scan, Mask(np.zeros(scan.grid.shape, np.uint8), scan.grid))])
        bench.device = "cpu"
        clean = bench.predict(scan)
        for kind, make in (("heart", targets.heart), ("erase", targets.erase)):
            target = make(clean, label=label)
            ways = (
                attacks.get("asma")(preset="paper", steps=options.published, goal=None),
                attacks.get("asma")(steps=OURS),
            )
            published, ours = (path(bench, way, scan, clean, target) for way in ways)
            print(row(name, kind, published, ours), flush=True)


def victims(out: Path, networks: Path) -> dict[str, Callable[[], Attacked]]:
    """Return what loads or trains each victim, by name."""
    found: dict[str, Callable[[], Attacked]] = {}
    for name in BUILT_IN:
        found[f"`demo:{name}`"] = partial(built_in, name)
    for title, (name, first, count, recipe) in TRAINED.items():
        found[f"{title}, {name}"] = partial(own, out, title, name, first, count, recipe)
    if (networks / NETWORK).exists():
        found["a MeshNet of others, T1"] = partial(brain, networks)
    return found


def built_in(name: str) -> Attacked:
    """Return a built-in victim with a phantom."""
    (case,) = phantoms(name, 1, FIRST_SEED)
    return load_victim(f"demo:{name}"), case.scan, LABEL


def own(out: Path, title: str, name: str, first: int, count: int, recipe: Recipe) -> Attacked:
    """Train a network on phantoms, unless it is in `out`; return it with another phantom."""
    cases, (case, *_) = phantoms(name, count, first), phantoms(name, 1, FIRST_SEED)
    if name == VOLUMES:
        cases, (_, case, _) = slices_of(cases, 10), slices_of([case], 3)
    victim = finished(trained(title.replace(" ", "-"), recipe, cases, [case], Cells(out)))
    return victim, case.scan, LABEL


def brain(networks: Path) -> Attacked:
    """Return the brain network with the middle of the head."""
    network = networks / NETWORK
    trusted = hashlib.sha256(network.read_bytes()).hexdigest()
    whole = io.read(networks / HEAD)
    array = np.ascontiguousarray(whole.array[CROP])
    grid = Grid(array.shape, whole.grid.spacing, whole.grid.origin, whole.grid.direction)
    scan = Scan(array, grid, whole.units, whole.storage, meta={"title": "a part of a head"})
    return load_victim(network, trust=trusted), scan, GREY


def path(bench: Bench, attack: Attack, scan: Scan, clean: Mask, target: Mask) -> list[Looked]:
    """Follow an attack; return what each pass shows."""
    problem = bench.problem(RealScan.of(scan), target=target)

    def look(step: Step) -> Looked:
        overlap = Overlap.of(step.labels, target.array)
        counted = [0, *overlap.structures] if problem.erases else overlap.structures
        return Looked(
            min(moved_and_kept(step.labels, target.array, clean.array)),
            float(np.mean([overlap.iou(label) for label in counted])),
            float(step.noise.norm()) / problem.window,
        )

    return bench.path(attack, problem, look)


def row(name: str, kind: str, published: list[Looked], ours: list[Looked]) -> str:
    """Return a row of the table."""
    theirs, best = published[-1], max(ours, key=lambda one: one.success)
    there = next(
        (
            (n, one)
            for n, one in enumerate(ours)
            if one.success >= theirs.success and one.iou >= theirs.iou
        ),
        None,
    )
    reached = f"{there[0]} | {there[1].l2:.2f}" if there else "never | -"
    return (
        f"| {name} | {kind} | {theirs.success:.3f} | {theirs.iou:.3f} | {theirs.l2:.2f} | "
        f"{reached} | {len(ours) - 1} | {best.success:.3f} | {best.iou:.3f} | {best.l2:.2f} |"
    )


if __name__ == "__main__":
    main()
