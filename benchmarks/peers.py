"""Our attacks beside those of other packages: same victim, same images, equal passes, one run.

Three parts: the cost of a step over a bare forward and backward pass; the target IoU against the
number of passes at one budget; the least perturbation with 99 % of the pixels at target. Prints
Markdown tables, and the goals with whether they are met.
Run: make peers, or python benchmarks/peers.py if the other packages are installed.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from parts.contestants import missing, versions
from parts.curves import curves, draw
from parts.least import least
from parts.meter import TARGETS, cases
from parts.steps import costs

PARTS = ("step", "curve", "least")


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    started = time.perf_counter()
    found = cases(options.images, options.targets, options.device)
    print(
        f"chest X-ray victim, {tuple(found[0].problem.clean.shape[2:])}, {options.images} images, "
        f"targets {' and '.join(options.targets)}, {options.threads} threads, {options.device}\n"
    )
    print(", ".join(f"{name} {version}" for name, version in versions().items()))
    if options.quick:
        print("\nA smoke test: its figures and goals mean nothing.")
    if missing():
        print(f"\nNot installed, so not measured: {', '.join(missing())}.")
    report: dict[str, Any] = {"options": vars(options), "versions": versions()}
    # A run takes hours, so each result is written as soon as it is there.
    if "step" in options.parts:
        report["step"] = costs(found[0], options.rounds, options.epsilon)
        write(report, options.json)
    for target in options.targets:
        chosen = [case for case in found if case.name == target]
        if "curve" in options.parts:
            curve = report.setdefault("curve", {})
            curve[target] = curves(chosen, options.marks, options.epsilon)
            write(report, options.json)
            if options.figure:
                draw(curve, options.figure)
        if "least" in options.parts:
            smallest = report.setdefault("least", {})
            smallest[target] = least(chosen, options.most, options.epsilon)
            write(report, options.json)
    print(f"\n{time.perf_counter() - started:.0f} s")


def write(report: dict[str, Any], path: str | None) -> None:
    """Write every figure so far."""
    if path:
        Path(path).write_text(json.dumps(report), encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--images", type=int, default=5)
    parser.add_argument("--marks", type=int, nargs="+", default=[10, 20, 50, 100], metavar="PASSES")
    parser.add_argument("--epsilon", type=float, default=0.02 * 255, help="in grey levels")
    parser.add_argument("--rounds", type=int, default=30, help="steps that are timed")
    parser.add_argument("--most", type=int, default=500, help="passes for the least perturbation")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", metavar="FILE", help="file for every figure of every image")
    parser.add_argument("--figure", metavar="FILE", help="file for a picture of the curves")
    parser.add_argument("--quick", action="store_true", help="a smoke test: one image, few passes")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch finds no GPU here; use --device cpu")
    options.marks = sorted(set(options.marks))
    if options.quick:
        options.images, options.targets, options.marks = 1, options.targets[:1], [4]
        options.rounds, options.most = 1, 5
        # ALMA-prox compiles functions, which takes a minute.
        torch.compiler.set_stance("force_eager")
    return options


if __name__ == "__main__":
    main()
