"""The cost of a PGD step over a bare forward and backward of the same frozen victim, as figures.

A step is compared with two bare passes: through the network as its bundle builds it, and through
the network as `load_victim` speeds it up (`frozen`). Passes and steps alternate in a single run, so
that a busy machine slows all of them equally; a ratio is the median over the rounds.
Run: python benchmarks/step_cost.py
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch

from napari_segadv import attacks, targets
from napari_segadv.attacks.problem import Problem
from napari_segadv.samples import DEMO_SEED, bundles, phantom
from napari_segadv.victims import BoundVictim, load_victim
from napari_segadv.victims.loading.formats import bundle


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
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
    plain = bundle.load(bundles()["chest-xray"], None).on(scan)
    found = {}
    print(f"chest X-ray victim, {tuple(scan.array.shape)}, {options.rounds} rounds")
    print("a step over a bare forward and backward: of the network as built, as loaded")
    for name, settings in {
        "default (adam, margin)": {},
        "sign, cross-entropy": {"step": "sign", "loss": "cross-entropy"},
        "sign, margin": {"step": "sign"},
    }.items():
        found[name] = ratios([plain, model], problem, settings, options.rounds)
        print(f"{name:24} {found[name][0]:.3f} {found[name][1]:.3f}")
    before = model.passes.forward
    run = attacks.PGD(steps=9, goal=None).run(problem)
    for _ in run:
        pass
    print(f"9 steps: {model.passes.forward - before:g} forwards")
    if options.json:
        print(json.dumps(found))


def ratios(
    models: list[BoundVictim], problem: Problem, settings: dict[str, str], rounds: int
) -> list[float]:
    """Return the median ratio of a step's time to that of a bare pass through each model."""
    cotangent = torch.randn_like(problem.model(problem.clean))

    def bare(model: BoundVictim) -> None:
        leaf = problem.clean.clone().requires_grad_()
        torch.autograd.grad(model(leaf), leaf, cotangent)

    run = attacks.PGD(steps=rounds + 3, goal=None, **settings).run(problem)
    for _ in range(2):
        for model in models:
            bare(model)
        next(run)
    found: list[list[float]] = [[] for _ in models]
    for _ in range(rounds):
        alone = [seconds(lambda model=model: bare(model)) for model in models]
        step = seconds(lambda: next(run))
        for values, time_alone in zip(found, alone, strict=True):
            values.append(step / time_alone)
    run.close()
    return [statistics.median(values) for values in found]


if __name__ == "__main__":
    main()
