"""What a PGD step costs over a bare forward and backward of the same frozen victim. Prints figures.

Pairs of one bare pass and one step alternate in a single run, so that a busy machine slows both;
the ratio is the median over the pairs. Run: python benchmarks/step_cost.py
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch

from napari_segadv import attacks, targets
from napari_segadv.attacks.problem import Problem
from napari_segadv.samples import DEMO_SEED, phantom
from napari_segadv.victims import load_victim


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    options = parser.parse_args()
    torch.set_num_threads(2)
    scan, _ = phantom("chest-xray", DEMO_SEED)
    victim = load_victim("demo:chest-xray")
    model = victim.on(scan)
    clean = victim.predict(scan)
    target = torch.from_numpy(targets.heart(clean, label=1, size=0.6).array).long()[None]
    reference = torch.from_numpy(clean.array).long()[None]
    problem = Problem(model, model.image, target, reference)
    found = {}
    print(f"chest X-ray victim, {tuple(scan.array.shape)}, {options.pairs} pairs")
    for name, settings in {
        "default (adam, margin)": {},
        "sign, cross-entropy": {"step": "sign", "loss": "cross-entropy"},
        "sign, margin": {"step": "sign"},
    }.items():
        found[name] = ratio(model, problem, settings, options.pairs)
        print(f"{name:24} {found[name]:.3f} of a bare forward and backward")
    before = model.passes.forward
    run = attacks.PGD(steps=9, goal=None).run(problem)
    for _ in run:
        pass
    print(f"9 steps: {model.passes.forward - before:g} forwards")
    if options.json:
        print(json.dumps(found))


def ratio(model: object, problem: Problem, settings: dict[str, str], pairs: int) -> float:
    """Median of step time over bare time."""
    cotangent = torch.randn_like(problem.model(problem.clean))

    def bare() -> None:
        leaf = problem.clean.clone().requires_grad_()
        torch.autograd.grad(problem.model(leaf), leaf, cotangent)

    run = attacks.PGD(steps=pairs + 3, goal=None, **settings).run(problem)
    for _ in range(2):
        bare()
        next(run)
    ratios = []
    for _ in range(pairs):
        alone = seconds(bare)
        ratios.append(seconds(lambda: next(run)) / alone)
    run.close()
    return statistics.median(ratios)


if __name__ == "__main__":
    main()
