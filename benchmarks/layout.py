"""Whether other layouts of memory, or a compiled network, make a pass cheaper than it is.

A pass is one forward and one backward pass of a built-in victim's network through one piece of an
image (the whole image in 2-D, a window in 3-D), in processor time, with torch on one thread. The
kinds take turns, and the quickest of each counts. Compiling needs a C++ compiler.

Run: python benchmarks/layout.py, or python benchmarks/layout.py --compile chest-xray
"""

import argparse
import copy
import time
from collections.abc import Callable

import torch
from torch import Tensor

import napari_segadv as sa
from napari_segadv.samples import phantom

SEED = 30000
Kind = tuple[Callable[[Tensor], Tensor], Tensor, bool]


def spent(kind: Kind) -> float:
    """Return the processor time of a pass."""
    network, x, half = kind
    leaf = x.detach().clone().requires_grad_()
    started = time.process_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        y = network(leaf)
    torch.autograd.grad(y, leaf, torch.ones_like(y))
    return time.process_time() - started


def kinds_of(name: str, compiled: bool) -> dict[str, Kind]:
    """Return what is compared for a built-in victim: network, piece and precision, by name."""
    victim = sa.load_victim(f"demo:{name}")
    x, _ = victim.on(phantom(name, SEED)[0]).sample()
    network = victim.network
    layout = torch.channels_last if x.ndim == 4 else torch.channels_last_3d
    last = copy.deepcopy(network).to(memory_format=layout)
    found: dict[str, Kind] = {
        "float32": (network, x, False),
        "float32, channels last": (last, x.to(memory_format=layout), False),
        "bfloat16": (network, x, True),
        "bfloat16, channels last": (last, x.to(memory_format=layout), True),
    }
    if compiled:
        torch.compiler.reset()
        faster = torch.compile(network)
        for word, half in (("float32", False), ("bfloat16", True)):
            started = time.perf_counter()
            spent((faster, x, half))
            print(f"{name}: compiling took {time.perf_counter() - started:.1f} s in {word}")
            found[f"{word}, compiled"] = faster, x, half
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("victims", nargs="*", default=["chest-xray", "fundus", "abdomen-ct"])
    parser.add_argument("--compile", action="store_true", help="also compile the networks")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    columns: list[dict[str, float]] = []
    for name in options.victims:
        kinds = kinds_of(name, options.compile)
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        for turn in range(options.rounds + 1):
            for kind, parts in kinds.items():
                found = spent(parts)
                if turn:
                    times[kind].append(found)
        columns.append({kind: min(found) for kind, found in times.items()})
    print(f"\n| a pass, over one in float32 | {' | '.join(options.victims)} |")
    print("| --- |" + " --- |" * len(columns))
    for kind in columns[0]:
        ratios = " | ".join(f"{each[kind] / each['float32']:.2f}" for each in columns)
        print(f"| {kind} | {ratios} |")


if __name__ == "__main__":
    main()
