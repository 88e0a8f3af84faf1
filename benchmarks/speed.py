"""A step of the default attack over a bare float32 pass of the network, and the attack as a whole.

A bare pass is one forward and one backward pass of the frozen network through the whole image, or
through each window of it. Steps are measured in float32 and bfloat16, with and without memory for
the graphs of windows. Times are processor times, so they are comparable on a busy machine.

Run: python benchmarks/speed.py (a chest phantom), or with an image and a victim of your own:
python benchmarks/speed.py --image ct.nii.gz --victim build/ct/victim --shape heart --label 1
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

import napari_segadv as sa
from napari_segadv import attacks, io
from napari_segadv.attacks.problem import Problem
from napari_segadv.common.memory import keep_freed
from napari_segadv.samples import DEMO_SEED, phantom
from napari_segadv.victims.bound import BoundVictim
from napari_segadv.victims.graphs import Graphs, budget
from napari_segadv.victims.precision import Reduced, trial
from napari_segadv.victims.recall import Recall

WARM_UP = 1


def spent(action: Callable[[], Any]) -> float:
    """Return the processor time of an action."""
    started = time.process_time()
    action()
    return time.process_time() - started


def bare(model: BoundVictim) -> float:
    """Return the processor time of a float32 forward and backward pass of all windows."""
    x, run = model.sample()
    pieces = Counter()
    model.passes.on_piece = pieces
    with torch.no_grad():
        model(model.image)
    model.passes.on_piece = lambda: None

    def once() -> None:
        leaf = x.detach().clone().requires_grad_()
        y = run(leaf)
        torch.autograd.grad(y, leaf, torch.ones_like(y))

    once()
    return pieces.count * statistics.median(spent(once) for _ in range(3))


class Counter:
    """Counts calls."""

    count = 0

    def __call__(self) -> None:
        self.count += 1


def steps(
    model: BoundVictim,
    problem: Problem,
    epsilon: float | None,
    count: int,
    half: bool,
    memory: int,
    recall: bool,
) -> list[float]:
    """Return the processor times of steps, after a warm-up."""
    model.reduced, model.graphs = Reduced(), Graphs(memory)
    model.recall = Recall(model.graphs) if recall else None
    model.reduced.on = half
    run = attacks.PGD(steps=count + WARM_UP, goal=None, epsilon=epsilon).run(problem)
    times = [spent(lambda: next(run)) for _ in range(count + WARM_UP)]
    run.close()
    model.reduced = model.graphs = model.recall = None
    return times[WARM_UP:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image")
    parser.add_argument("--victim", default="demo:chest-xray")
    parser.add_argument("--shape", default="heart", choices=("heart", "erase"))
    parser.add_argument("--label", type=int, default=1)
    parser.add_argument("--epsilon", type=float, help="of the attack; by default the usual one")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--whole", action="store_true", help="the attack as a whole, too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    # As on the command line and in napari.
    keep_freed()
    scan = io.read(options.image) if options.image else phantom("chest-xray", DEMO_SEED)[0]
    victim = sa.load_victim(options.victim)
    model = victim.on(scan)
    clean = victim.predict(scan)
    target = (sa.targets.heart if options.shape == "heart" else sa.targets.erase)(
        clean, label=options.label
    )
    labels, known = (torch.from_numpy(m.array).long()[None] for m in (target, clean))
    low, high = model.window
    problem = Problem(model, model.image, labels, known, window=high - low,
                      low=scan.bounds[0], high=scan.bounds[1])  # fmt: skip
    found = trial(model)
    print(f"{victim.name}, {tuple(scan.array.shape)}, {options.threads} thread(s)")
    print(f"bfloat16: {found.gain:.2f} times as fast, {found.agreement:.2%} of the signs agree")
    before = bare(model)
    free = budget(None, model.device)
    rows = [
        (f"{precision}, {what}", precision == "bfloat16", memory, recall)
        for precision in ("float32", "bfloat16")
        for what, memory, recall in (
            ("windows run twice", 0, False),
            ("graphs kept", free, False),
            ("and what the noise does not reach run once", free, True),
        )
    ]
    if victim.windows is None and not model.by_slice:
        rows = [("float32", False, 0, False), ("bfloat16", True, 0, False)]
    measured = [
        statistics.median(steps(model, problem, options.epsilon, options.steps, *how))
        for _, *how in rows
    ]
    once = (before + bare(model)) / 2
    print(f"a bare pass takes {once:.2f} s of processor time")
    print("\n| a step | bare passes |\n| --- | --- |")
    for (name, *_), value in zip(rows, measured, strict=True):
        print(f"| {name} | {value / once:.2f} |")
    if options.whole:
        whole(scan, victim, target, options.epsilon)


def whole(scan: Any, victim: Any, target: Any, epsilon: float | None) -> None:
    """Print what the attack takes and reaches, as before and as it is now."""
    print("\n| the attack | processor time | steps | moved | kept | L2 |")
    print("| --- | --- | --- | --- | --- | --- |")
    attack = attacks.PGD(epsilon=epsilon)
    ways: dict[str, dict[str, Any]] = {
        "float32, windows run twice": {"precision": "float32", "memory": 0.0},
        "by default": {"precision": "auto"},
    }
    for name, way in ways.items():
        started = time.process_time()
        example = sa.craft(scan, victim, attack, target=target, **way)
        took, m = time.process_time() - started, example.measures
        print(
            f"| {name} ({example.record['precision']}) | {took:.1f} s | {example.record['steps']} "
            f"| {m['moved']:.4f} | {m['kept']:.4f} | {m['l2']:.1f} |"
        )


if __name__ == "__main__":
    main()
