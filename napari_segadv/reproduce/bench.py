"""What a reproduction works with: cases, victims, a count of the work; and what it reports."""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import fmean
from typing import Any, TypeVar

from torch import Tensor

from ..attacks import Attack, Problem
from ..common.device import pick_device
from ..crafting import craft_steps
from ..crafting.binding import bind
from ..crafting.problem import problem_of
from ..crafting.request import Request
from ..data.scan import Array, Mask, Scan
from ..errors import SegadvError
from ..io.cases import Case
from ..results.example import Example
from ..samples import phantom
from ..victims import Victim

T = TypeVar("T")

# Of the first phantom: nothing was trained or measured on those from here.
FIRST_SEED = 30_000
# The papers' scales: [B] counts intensities from -1 to 1, [A] from 0 to 1.
B_WIDTH, A_WIDTH = 2.0, 1.0


@dataclass(frozen=True)
class Done:
    """How far a reproduction has got."""

    step: int
    steps: int
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Curve:
    """A line of the figure: `published` ones are drawn dashed."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    published: bool = False


@dataclass(frozen=True)
class Step:
    """An image on an attack's way.

    Attributes:
        number: of the step, from 0 for the clean image.
        noise: (1, C, *S), in image units.
        labels: the predicted classes.
    """

    number: int
    noise: Tensor
    labels: Array


@dataclass(frozen=True)
class Report:
    """A table in the paper's form.

    Attributes:
        columns: headings.
        rows: of texts and numbers, as many as there are columns.
        curves: for the figure, with the names of its axes.
        findings: sentences on directions: what holds as in the paper, what does not.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    curves: list[Curve]
    axes: tuple[str, str]
    findings: list[str]


Running = Generator[Done, None, Report]


@dataclass
class Bench:
    """Cases and victim of one reproduction, and the work done so far.

    Attributes:
        victim: what is attacked and measured.
        cases: scans with what is right about them.
        surrogate: stands in for the victim where the table is of a black box.
        quick: a smoke test: few steps, settings and cases.
        forwards, backwards: passes of all attacks so far.
    """

    victim: Victim
    cases: Sequence[Case]
    surrogate: Victim | None = None
    quick: bool = False
    device: str = "auto"
    seed: int = 0
    forwards: float = 0.0
    backwards: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    def steps(self, full: int) -> int:
        """Steps of an attack that has `full` of them in the paper."""
        return min(full, 5) if self.quick else full

    def some(self, settings: Sequence[Any]) -> Sequence[Any]:
        """The settings of a table; for a smoke test its first and last."""
        return [settings[0], settings[-1]] if self.quick and len(settings) > 2 else settings

    @property
    def window(self) -> float:
        """Width of the victim's intensity window, in image units."""
        low, high = self.victim.window or self.cases[0].scan.bounds
        return float(high - low)

    def units(self, epsilon: float, width: float) -> float:
        """A paper's epsilon, on a scale that is `width` wide, in image units."""
        return epsilon * self.window / width

    def attack(self, scan: Scan, attack: Attack, **options: Any) -> Generator[Any, None, Example]:
        """One example, counted; measured from its file as everything is."""
        run = craft_steps(scan, self.victim, attack, device=self.device, seed=self.seed, **options)
        made = yield from run
        self.forwards += made.record["passes"]["forward"]
        self.backwards += made.record["passes"]["backward"]
        return made

    def problem(self, scan: Scan, target: Any = None, truth: Any = None) -> Problem:
        """A case as tensors, for tables that look at an attack from step to step."""
        request = Request(scan, target, truth)
        problem = problem_of(bind(self.victim, request, device=pick_device(self.device)))
        if not problem.targeted and not problem.moving.any():
            raise SegadvError(f"{scan.name}: its mask marks no structure; leave the case out")
        return problem

    def path(
        self, attack: Attack, problem: Problem, look: Callable[[Step], T], views: int = 1
    ) -> list[T]:
        """The images that an attack shows its victim, with what the victim says of them.

        Args:
            attack: run on the problem.
            problem: of one image.
            look: what is kept of a step: thousands of images are more than fit in memory.
            views: images shown at each step but the first; the first of them is meant.
        """
        seen: list[T] = []
        shown = 0

        def spy(images: Tensor) -> Tensor:
            nonlocal shown
            logits = problem.model(images)
            if shown == 0 or (shown - 1) % views == 0:
                noise = (images.detach() - problem.clean).cpu()
                labels = logits.detach().argmax(1)[0].cpu().numpy()
                seen.append(look(Step(len(seen), noise, labels)))
            shown += 1
            self.forwards += 1
            return logits

        outcome = finished(attack.run(replace(problem, model=spy), self.seed))
        self.backwards += outcome.steps
        return seen

    def each(
        self,
        settings: Sequence[Any],
        make: Callable[[Any, Case], Generator[Any, None, Any]],
        name: Callable[[Any], str] = str,
    ) -> Generator[Done, None, list[list[Any]]]:
        """What `make` gives for each setting and each case."""
        total, found = len(settings) * len(self.cases), []
        for number, setting in enumerate(settings):
            row = []
            for place, case in enumerate(self.cases):
                yield Done(number * len(self.cases) + place, total, name(setting))
                row.append(finished(make(setting, case)))
            found.append(row)
        return found


def finished(run: Generator[Any, None, Any]) -> Any:
    """What a generator returns at its end."""
    while True:
        try:
            next(run)
        except StopIteration as stop:
            return stop.value


def mean(values: Iterable[float]) -> float:
    """Mean; there is at least one."""
    return fmean(values)


def phantoms(name: str, count: int, first: int = FIRST_SEED) -> list[Case]:
    """Fresh phantoms with what is right about them."""
    drawn = [phantom(name, seed) for seed in range(first, first + count)]
    cases = [Case(scan, truth) for scan, truth in drawn if isinstance(truth, Mask)]
    if len(cases) < count:
        raise SegadvError(f"{name}: its phantoms have no label maps; give --cases")
    return cases


def rises(values: Sequence[float]) -> bool:
    """Whether the last is above the first and no step goes the other way by a tenth of that."""
    slack = 0.1 * abs(values[-1] - values[0])
    return values[-1] > values[0] and all(b >= a - slack for a, b in pairwise(values))
