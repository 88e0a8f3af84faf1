"""The default attack with the network in several precisions: time, memory, and loss of accuracy.

Only the network runs in the precision of a row; perturbation, loss and step stay in float32, and
the float32 network judges every result. On a GPU, float32 means without TF32.
Run: python benchmarks/gpu.py, or with --device cpu if there is no GPU.
"""

import argparse
import copy
import json
import statistics
import sys
from dataclasses import dataclass, replace

import torch
from parts.meter import TARGETS, VICTIM, Case, cases
from parts.steps import WARM_UP, Clock, figures
from torch import Tensor, nn

from napari_segadv import attacks, load_victim
from napari_segadv.attacks import Problem
from napari_segadv.attacks.losses import Outputs, margin
from napari_segadv.common.generators import finished


@dataclass(frozen=True)
class Precision:
    """How the network computes."""

    name: str
    bf16: bool = False
    channels_last: bool = False
    tf32: bool = False


PRECISIONS = [
    Precision("fp32"),
    Precision("fp32, channels last", channels_last=True),
    Precision("tf32", tf32=True),
    Precision("tf32, channels last", tf32=True, channels_last=True),
    Precision("bf16", bf16=True),
    Precision("bf16, channels last", bf16=True, channels_last=True),
]


class Network(nn.Module):
    """A copy of a network in another precision, with float32 input and output."""

    def __init__(self, network: nn.Module, precision: Precision) -> None:
        super().__init__()
        self.precision, self.inner = precision, copy.deepcopy(network).eval()
        if precision.channels_last:
            self.inner = self.inner.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        if self.precision.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.precision.bf16):
            return self.inner(x).float()


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    allow_tf32(False)
    found = cases(options.images, [options.target], options.device)
    on_gpu = options.device == "cuda"
    print(
        f"chest X-ray victim, {options.images} images of {tuple(found[0].problem.clean.shape[2:])} "
        f"in one batch, target {options.target}, {options.steps} steps at {options.epsilon:.3g} "
        f"grey levels, torch {torch.__version__}, "
        + (torch.cuda.get_device_name() if on_gpu else f"CPU, {options.threads} threads")
    )
    print("\n| network | ms a step | ms a bare pass | peak MiB | signs as in fp32 | target IoU |")
    print("| --- | --- | --- | --- | --- | --- |")
    rows = {}
    signs = None
    for precision in PRECISIONS:
        if precision.tf32 and not on_gpu:
            continue
        allow_tf32(precision.tf32)
        problem = batch(found, precision, options.device)
        own = gradient(problem).sign()
        signs = own if signs is None else signs
        row = rows[precision.name] = {
            **timed(problem, options.rounds, options.epsilon),
            "peak_mib": peak(problem, options.epsilon) if on_gpu else None,
            "signs": float((own == signs).float().mean()),
            "iou": reached(found, problem, options.steps, options.epsilon),
        }
        memory = f"{row['peak_mib']:.0f}" if on_gpu else "not measured"
        print(
            f"| {precision.name} | {row['ms']:.1f} | {row['bare_ms']:.1f} | {memory} | "
            f"{row['signs']:.2%} | {row['iou']:.4f} |",
            flush=True,
        )
    if options.json:
        print(json.dumps(rows))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--images", type=int, default=5, help="in one batch")
    parser.add_argument("--target", choices=TARGETS, default="heart")
    parser.add_argument("--steps", type=int, default=40, help="steps of the attack that is judged")
    parser.add_argument("--rounds", type=int, default=30, help="steps that are timed")
    parser.add_argument("--epsilon", type=float, default=0.02 * 255, help="in grey levels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch finds no GPU here; use --device cpu")
    return options


def allow_tf32(allowed: bool) -> None:
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed


def batch(found: list[Case], precision: Precision, device: str) -> Problem:
    """Return all cases as one problem, with the victim in the given precision."""
    victim = load_victim(f"demo:{VICTIM}")
    victim = replace(victim, network=Network(victim.network, precision))
    problems = [case.problem for case in found]
    return Problem(
        victim.on(problems[0].model.scan, device),
        torch.cat([problem.clean for problem in problems]),
        torch.cat([problem.labels for problem in problems]),
        torch.cat([problem.reference for problem in problems]),
    )


def gradient(problem: Problem) -> Tensor:
    """Return the gradient of the attack's loss at the clean images."""
    leaf = problem.clean.clone().requires_grad_()
    loss = margin(Outputs(problem.model(leaf), problem))
    return torch.autograd.grad(loss.sum(), leaf)[0]


def attack(problem: Problem, steps: int, epsilon: float) -> Tensor:
    """Run the default attack; return its adversarial images."""
    run = attacks.get("pgd")(epsilon=epsilon, steps=steps, goal=None).run(problem)
    return finished(run).adversarial


def timed(problem: Problem, rounds: int, epsilon: float) -> dict[str, float]:
    """Return the median milliseconds of a step, and of a bare pass, of the batch."""
    clock = Clock(problem)
    attack(replace(problem, model=clock.meter), rounds + WARM_UP, epsilon)
    return figures(clock.pairs)


def peak(problem: Problem, epsilon: float) -> float:
    """Return the peak MiB on the GPU during three steps."""
    torch.cuda.reset_peak_memory_stats()
    attack(problem, 3, epsilon)
    return torch.cuda.max_memory_allocated() / 2**20


def reached(found: list[Case], problem: Problem, steps: int, epsilon: float) -> float:
    """Return the mean target IoU of the attack's images, as the float32 victim predicts them."""
    images = attack(problem, steps, epsilon).split(1)
    allow_tf32(False)
    return statistics.mean(
        case.iou(case.predict(image)) for case, image in zip(found, images, strict=True)
    )


if __name__ == "__main__":
    main()
