"""Bortsova's heart attack on fresh chest phantoms, and what our default needs for the same.

[B]: epsilon 0.04 on a scale of -1 to 1 (2 % of the window), sign steps of epsilon / 20, soft IoU,
100 iterations. Prints a Markdown table. Run: python benchmarks/hearts.py
"""

import argparse
import statistics
import time

import torch

from napari_segadv import attacks, craft, targets
from napari_segadv.attacks import Attack
from napari_segadv.example import Example
from napari_segadv.samples import phantom
from napari_segadv.victims import load_victim

# Fresh: no victim was trained or measured on these.
FIRST_SEED = 30_000
EPSILON = 0.04 / 2 * 255
SIZES = {"small": 0.6, "large": 1.0}
HEART = 1
PAPER = {"step": "sign", "loss": "soft-iou"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(2)
    victim = load_victim("demo:chest-xray")
    settings = {
        f"[B]: sign, soft IoU, {options.steps}": attacks.PGD(
            epsilon=EPSILON, steps=options.steps, goal=None, **PAPER
        ),
        "default: Adam, margin, 25": attacks.PGD(epsilon=EPSILON, steps=25, goal=None),
        f"default: Adam, margin, {options.steps}": attacks.PGD(
            epsilon=EPSILON, steps=options.steps, goal=None
        ),
    }
    print(f"{options.cases} phantoms, epsilon {EPSILON:.3g} grey levels (whole ones are saved)\n")
    print("| heart | attack | target IoU | heart IoU | others, least | passes to [B]'s IoU | s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for size, scale in SIZES.items():
        reached: list[float] = []
        for name, attack in settings.items():
            row = [attempt(victim, attack, seed, scale) for seed in seeds(options.cases)]
            examples = [example for example, _ in row]
            ious = [example.measures["target_iou"] for example in examples]
            reached = reached or ious
            print(
                f"| {size} | {name} | {mean(ious)} | {mean(hearts(examples))} | "
                f"{min(others(examples)):.3f} | {share(examples, reached, attack)} | "
                f"{statistics.mean(t for _, t in row):.1f} |",
                flush=True,
            )


def seeds(count: int) -> range:
    return range(FIRST_SEED, FIRST_SEED + count)


def attempt(victim, attack: Attack, seed: int, scale: float) -> tuple[Example, float]:
    scan, _ = phantom("chest-xray", seed)
    target = targets.heart(victim.predict(scan), label=HEART, size=scale)
    started = time.perf_counter()
    return craft(scan, victim, attack, target=target), time.perf_counter() - started


if __name__ == "__main__":
    main()
