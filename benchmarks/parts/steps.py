"""The cost of a step of each attack over a bare forward and backward pass of the network."""

import contextlib
import io
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from napari_segadv.attacks import Problem

from .contestants import DEFAULT, Contestant
from .goals import behind, goal, here, peers, seed
from .meter import Case, Meter

STEP_GOAL = 1.05
# First steps, which are not timed: they allocate memory and choose or compile kernels.
WARM_UP = 3


class Stepper:
    """An attack in a separate thread that takes one step for each call of `step`.

    All attacks are timed in turns, so that all of them find the same caches and free memory.
    """

    def __init__(self, one: Contestant, case: Case, steps: int, epsilon: float) -> None:
        self.case, self.threads, self.hurried = case, torch.get_num_threads(), False
        self.meter = Meter(case.problem.model, before=self._pause)
        self._ours, self._theirs = threading.Semaphore(0), threading.Semaphore(0)
        self._started: tuple[float, float] | None = None
        self._took: tuple[float, float] | None = None
        self._done = 0
        pool = ThreadPoolExecutor(1)
        self._work = pool.submit(self._run, one, steps, epsilon)
        self._work.add_done_callback(lambda work: self._ours.release())
        pool.shutdown(wait=False)

    def step(self) -> tuple[float, float] | None:
        """Return the seconds from one forward pass to the next, by the clock and of the processor.

        None if this was no step (no backward pass) or the attack is over.
        """
        self._took = None
        if not self._work.done():
            self._theirs.release()
            self._ours.acquire()
        return self._took

    def finish(self) -> None:
        """Let the attack run to its end; raise what it raised."""
        self.hurried = True
        self._theirs.release()
        self._work.result()

    def _run(self, one: Contestant, steps: int, epsilon: float) -> None:
        torch.set_num_threads(self.threads)
        self._theirs.acquire()
        one.run(self.meter, self.case, steps, epsilon)

    def _pause(self) -> None:
        now = clock(self.case.problem)
        # Without a backward pass it was no step: some attacks run the model on their result again.
        if self._started is not None and self.meter.backward > self._done:
            self._took = difference(now, self._started)
        self._done = self.meter.backward
        if not self.hurried:
            self._ours.release()
            self._theirs.acquire()
        self._started = clock(self.case.problem)


class Clock:
    """Times the steps of one attack, each beside a bare pass.

    A step reaches from the start of one forward pass to that of the next.

    Attributes:
        meter: the model that the attack has to use.
        pairs: for each step after the first ones, its seconds and those of the bare pass.
    """

    def __init__(self, problem: Problem) -> None:
        self.meter = Meter(problem.model, before=self._pause)
        self.pairs: list[Pair] = []
        self._problem, self._done, self._steps = problem, 0, 0
        self._cotangent = torch.randn_like(problem.model(problem.clean))
        self._started: tuple[float, float] | None = None

    def _pause(self) -> None:
        now = clock(self._problem)
        # Without a backward pass it was no step: some attacks run the model on their result again.
        if self._started is not None and self.meter.backward > self._done:
            self._steps += 1
            bare = bare_pass(self._problem, self._cotangent)
            if self._steps > WARM_UP:
                self.pairs.append((difference(now, self._started), bare))
        self._done = self.meter.backward
        self._started = clock(self._problem)


def clock(problem: Problem) -> tuple[float, float]:
    if problem.clean.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def bare_pass(problem: Problem, cotangent: torch.Tensor) -> tuple[float, float]:
    """Return the seconds of a forward and backward pass, by the clock and of the processor."""
    started = clock(problem)
    with torch.enable_grad():
        leaf = problem.clean.clone().requires_grad_()
        torch.autograd.grad(problem.model(leaf), leaf, cotangent)
    return difference(clock(problem), started)


Pair = tuple[tuple[float, float], tuple[float, float]]


def figures(pairs: list[Pair]) -> dict[str, float]:
    """Return medians: milliseconds of a step and of a bare pass, and their ratio by both times."""
    if not pairs:
        return {"steps": 0}
    return {
        "steps": len(pairs),
        "ms": 1000 * statistics.median(step[0] for step, _ in pairs),
        "bare_ms": 1000 * statistics.median(bare[0] for _, bare in pairs),
        "ratio": statistics.median(step[0] / bare[0] for step, bare in pairs),
        "cpu_ratio": statistics.median(step[1] / bare[1] for step, bare in pairs),
    }


def mean(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def difference(later: tuple[float, float], earlier: tuple[float, float]) -> tuple[float, float]:
    return later[0] - earlier[0], later[1] - earlier[1]


def costs(case: Case, rounds: int, epsilon: float) -> dict[str, Any]:
    """Time each attack; print the table and the goals."""
    seed(0)
    cotangent = torch.randn_like(case.problem.model(case.problem.clean))
    timed = [one for one in here() if one.timed]
    pairs: dict[str, list[Pair]] = {one.name: [] for one in timed}
    # Silence all packages together: redirecting stdout in one thread redirects it in all.
    with contextlib.redirect_stdout(io.StringIO()):
        turns = {one.name: Stepper(one, case, rounds + WARM_UP + 2, epsilon) for one in timed}
        for number in range(rounds + WARM_UP + 1):
            before = bare_pass(case.problem, cotangent)
            for name, stepper in turns.items():
                took = stepper.step()
                after = bare_pass(case.problem, cotangent)
                if took is not None and number > WARM_UP:
                    pairs[name].append((took, mean(before, after)))
                before = after
        for stepper in turns.values():
            stepper.finish()
    found = {name: figures(timings) for name, timings in pairs.items()}
    print("\n## A step over a bare forward and backward pass\n")
    print("| attack | ratio | ratio, processor's time | ms a step | ms a bare pass | steps |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, one in found.items():
        if one["steps"]:
            print(
                f"| {name} | {one['ratio']:.3f} | {one['cpu_ratio']:.3f} | {one['ms']:.0f} | "
                f"{one['bare_ms']:.0f} | {one['steps']} |"
            )
    for key, kind in (("ratio", "by the clock"), ("cpu_ratio", "in the processor's time")):
        ratios = {name: figures[key] for name, figures in found.items() if figures["steps"]}
        own = ratios[DEFAULT]
        quicker = [name for name in peers(ratios) if ratios[name] <= own]
        goal(f"our default's step at most {STEP_GOAL}, {kind}", own <= STEP_GOAL, f"{own:.3f}")
        goal(f"and below every peer's, {kind}", not quicker, behind(quicker))
    return found
