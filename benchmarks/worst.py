"""The worst of several attacks beside each of them alone, and beside SEA with all their passes.

Untargeted: away from the truth of phantoms that no victim was trained on, and for a victim from a
file (by default a brain network that others trained, as data) away from what it predicts on the
middle of its image. Every member gets the same steps. SEA alone gets at least as many gradient
steps as all members together take, with the queries of square counted as such.

Dice is the mean over the structures of an image, then over the images. It is what the members reach
before the file is written; in the rows *worst* and *SEA with all steps* it is that of the file read
back. Prints Markdown tables for each victim, by attack, by class and by size.
Run: python benchmarks/worst.py, or with --quick as a smoke test.
"""

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from napari_segadv import Example, attacks, craft, load_victim, read
from napari_segadv.data.scan import Mask, Scan
from napari_segadv.measures.by_structure import Group, by_class, by_size, fallen
from napari_segadv.samples import phantom
from napari_segadv.victims.victim import Victim

# No victim was trained on phantoms from this seed on.
FIRST_SEED = 30_000
NETWORKS = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "networks"
SEA_ALONE = {"margin", "cross_entropy", "cosine", "least", "square"}


@dataclass(frozen=True)
class Case:
    """An image, its victim, and what is correct."""

    scan: Scan
    victim: Victim
    truth: Mask


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    started, report = time.perf_counter(), []
    with tempfile.TemporaryDirectory() as folder:
        for name, cases in victims(options, Path(folder)):
            for percent in options.percent:
                report.append(measured(name, cases, percent, options))
                if options.json:
                    Path(options.json).write_text(json.dumps(report), encoding="utf-8")
    print(f"\n{time.perf_counter() - started:.0f} s")


def victims(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, list[Case]]]:
    """Yield the name and the cases of each victim; images that are cut out go into the folder."""
    for name in options.demo:
        victim = load_victim(name)
        seeds = range(FIRST_SEED, FIRST_SEED + options.cases)
        drawn = [phantom(name.removeprefix("demo:"), seed) for seed in seeds]
        yield name, [Case(scan, victim, truth) for scan, truth in drawn]
    if options.victim is None or not options.victim.exists():
        print(f"\n{options.victim}: not there, so not measured")
        return
    trusted = hashlib.sha256(options.victim.read_bytes()).hexdigest()
    victim = load_victim(str(options.victim), trusted)
    scan = middle(options.image, options.side, folder)
    clean = victim.predict(scan)
    if not clean.array.any():
        print(f"\n{options.victim.name}: finds nothing in the middle; give a larger --side")
        return
    yield options.victim.name, [Case(scan, victim, clean)]


def middle(path: Path, side: int, folder: Path) -> Scan:
    """Save and read the middle of a NIfTI volume, up to `side` voxels along each axis."""
    import nibabel

    whole = nibabel.load(path)
    starts = [max(0, (size - side) // 2) for size in whole.shape[:3]]
    part = whole.slicer[tuple(slice(start, start + side) for start in starts)]
    nibabel.save(part, folder / path.name)
    return read(folder / path.name)


def measured(
    name: str, cases: list[Case], percent: float, options: argparse.Namespace
) -> dict[str, Any]:
    """Attack the cases of a victim; print and return what came out."""
    low, high = cases[0].victim.window or cases[0].scan.bounds
    epsilon = (high - low) * percent / 100
    attack = attacks.get("worst")(epsilon=epsilon, steps=options.steps, queries=options.queries)
    runs, alone = [], []
    for case in cases:
        runs.append(made(case, attack))
        members = runs[-1].record["details"]["members"]
        total = sum(member["steps"] for member in members.values())
        others = dict.fromkeys(SEA_ALONE, False)
        alone.append(made(case, attacks.get("worst")(epsilon=epsilon, steps=total // 3, **others)))
    print(
        f"\n## {name}, {len(cases)} image{'s' * (len(cases) > 1)}, Linf {percent:g} % of the "
        f"window ({epsilon:.3g} {cases[0].scan.units}), {options.steps} steps"
        f"{', a smoke test' * options.quick}\n"
    )
    rows = by_attack(runs, alone)
    print("| attack | steps | Dice | is the worst of |\n| --- | --- | --- | --- |")
    for title, steps, dice, won in rows:
        print(f"| {title} | {steps:g} | {dice:.4f} | {won} |")
    found = [
        one
        for case, run in zip(cases, runs, strict=True)
        for one in fallen(case.truth, run.prediction_clean, run.prediction_adversarial)
    ]
    groups = {"class": by_class(found), "size": by_size(found)}
    for title, listed in groups.items():
        show(title, listed)
    return {
        "victim": name,
        "percent": percent,
        "rows": rows,
        "details": [run.record["details"] for run in runs],
        "passes": [run.record["passes"] for run in (*runs, *alone)],
        **{title: [vars(one) for one in listed] for title, listed in groups.items()},
    }


def made(case: Case, attack: attacks.Attack) -> Example:
    """Craft one example in float32."""
    return craft(case.scan, case.victim, attack, truth=case.truth, precision="float32")


def by_attack(runs: list[Example], alone: list[Example]) -> list[tuple[str, float, float, str]]:
    """Return the rows of the first table: name, steps, mean Dice, and images that it won."""
    details = [run.record["details"] for run in runs]
    winners = [one["winner"][0] for one in details]
    rows = []
    for member in details[0]["members"]:
        own = [one["members"][member] for one in details]
        won = f"{winners.count(member)} of {len(runs)}"
        dice = fmean(one["dice"][0] for one in own)
        rows.append((member, fmean(one["steps"] for one in own), dice, won))
    for title, made in (("SEA with all steps", alone), ("worst", runs)):
        dice = fmean(one.measures["dice_with_truth"] for one in made)
        rows.append((title, fmean(one.record["steps"] for one in made), dice, ""))
    return rows


def show(title: str, groups: list[Group]) -> None:
    """Print a table of groups of structures."""
    print(f"\n| {title} | structures | Dice clean | Dice worst |\n| --- | --- | --- | --- |")
    for one in groups:
        print(f"| {one.name} | {one.count} | {one.before:.4f} | {one.after:.4f} |")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", nargs="*", default=["demo:chest-xray", "demo:fundus"])
    parser.add_argument("--victim", type=Path, default=NETWORKS / "brain_meshnet.ts")
    parser.add_argument("--image", type=Path, default=NETWORKS / "brain_t1.nii.gz")
    parser.add_argument("--side", type=int, default=96, help="voxels of the image that are used")
    parser.add_argument("--cases", type=int, default=3, help="phantoms of each built-in victim")
    parser.add_argument("--percent", type=float, nargs="+", default=[0.8], help="of the window")
    parser.add_argument("--steps", type=int, default=100, help="of each attack")
    parser.add_argument("--queries", type=int, help="of square; by default as many as steps")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE", help="file for every figure of every image")
    parser.add_argument("--quick", action="store_true", help="a smoke test: one image, few steps")
    options = parser.parse_args()
    if options.quick:
        options.demo, options.cases, options.steps = options.demo[:1], 1, 1
        options.percent, options.side = options.percent[:1], 64
    return options


if __name__ == "__main__":
    main()
