"""What a step of each attack costs over a bare forward and backward pass of the network."""

import statistics
import time
from typing import Any

import torch

from napari_segadv.attacks import Problem

from .contestants import DEFAULT
from .goals import behind, goal, here, peers, seed
from .meter import Case, Meter

STEP_GOAL = 1.05
# Steps that are not timed: memory is fetched, kernels are chosen or compiled in them.
WARM_UP = 3


class Clock:
    """Times the steps of an attack, and beside each one a bare pass of the same network.

    A step reaches from the start of one forward pass to that of the next. Bare passes, forward
    and backward, are made between the steps, so that a busy machine slows both alike.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.meter = Meter(self.problem.model, before=self)
        self.cotangent = torch.randn_like(self.problem.model(self.problem.clean))
        # Seconds by the clock and of the processor.
        self.steps: list[tuple[float, float]] = []
        self.bare: list[tuple[float, float]] = []
        self.started: tuple[float, float] | None = None
        self.done = 0

    def __call__(self) -> None:
        now = self._now()
        # Without a backward pass it was no step: some attacks look once more at the result.
        if self.started is not None and self.meter.backward > self.done:
            self.steps.append(difference(now, self.started))
            self.bare.append(self._pass())
        self.done = self.meter.backward
        self.started = self._now()

    def _pass(self) -> tuple[float, float]:
        started = self._now()
        with torch.enable_grad():
            leaf = self.problem.clean.clone().requires_grad_()
            torch.autograd.grad(self.problem.model(leaf), leaf, self.cotangent)
        return difference(self._now(), started)

    def _now(self) -> tuple[float, float]:
        if self.problem.clean.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter(), time.process_time()

    def figures(self) -> dict[str, float]:
        """Medians: milliseconds of a step and of a bare pass, ratio of neighbours, and the same
        ratio in the processor's time."""
        steps, bare = self.steps[WARM_UP:], self.bare[WARM_UP:]
        if not steps:
            return {"steps": 0}
        pairs = list(zip(steps, bare, strict=True))
        return {
            "steps": len(steps),
            "ms": 1000 * statistics.median(step for step, _ in steps),
            "bare_ms": 1000 * statistics.median(alone for alone, _ in bare),
            "ratio": statistics.median(step[0] / alone[0] for step, alone in pairs),
            "cpu_ratio": statistics.median(step[1] / alone[1] for step, alone in pairs),
        }


def difference(later: tuple[float, float], earlier: tuple[float, float]) -> tuple[float, float]:
    return later[0] - earlier[0], later[1] - earlier[1]


def costs(case: Case, rounds: int, epsilon: float) -> dict[str, Any]:
    """Times each attack, prints the table and the goals."""
    print("\n## A step over a bare forward and backward pass\n")
    print("| attack | ratio | ratio, processor's time | ms a step | ms a bare pass | steps |")
    print("| --- | --- | --- | --- | --- | --- |")
    found = {}
    for one in (one for one in here() if one.timed):
        clock = Clock(case.problem)
        seed(0)
        one.run(clock.meter, case, rounds + WARM_UP + 1, epsilon)
        figures = found[one.name] = clock.figures()
        if figures["steps"]:
            print(
                f"| {one.name} | {figures['ratio']:.3f} | {figures['cpu_ratio']:.3f} | "
                f"{figures['ms']:.0f} | {figures['bare_ms']:.0f} | {figures['steps']} |",
                flush=True,
            )
    for key, kind in (("ratio", "by the clock"), ("cpu_ratio", "in the processor's time")):
        ratios = {name: figures[key] for name, figures in found.items() if figures["steps"]}
        own = ratios[DEFAULT]
        quicker = [name for name in peers(ratios) if ratios[name] <= own]
        goal(f"our default's step at most {STEP_GOAL}, {kind}", own <= STEP_GOAL, f"{own:.3f}")
        goal(f"and below every peer's, {kind}", not quicker, behind(quicker))
    return found
