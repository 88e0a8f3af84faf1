"""What a reproduction works with (cases, victims, a count of passes), and what it reports."""

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

# Seed of the first phantom: no victim was trained or measured on phantoms from this seed on.
FIRST_SEED = 30_000
# Widths of the papers' intensity scales: -1 to 1 in Bortsova 2021, 0 to 1 in Ozbulak 2019.
BORTSOVA_WIDTH = 2.0


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
    """A curve of the figure; dashed if `published`."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    published: bool = False


@dataclass(frozen=True)
class Step:
    """The image at one step of an attack.

    Attributes:
        number: number of the step; 0 is the clean image.
        noise: (1, C, *S), in image units.
        labels: the predicted classes (*S).
    """

    number: int
    noise: Tensor
    labels: Array


@dataclass(frozen=True)
class Report:
    """A table in the paper's form.

    Attributes:
        columns: headings.
        rows: texts and numbers, one for each column.
        curves: curves of the figure.
        axes: labels of the figure's x and y axes.
        findings: sentences that say which trends agree with the paper and which do not.
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
        victim: the victim, attacked and measured.
        cases: scans with their correct labels.
        surrogates: the networks that stand in for the victim in a table of a black box.
        quick: whether this is a smoke test with few steps, settings and cases.
        forwards, backwards: passes of all attacks so far.
    """

    victim: Victim
    cases: Sequence[Case]
    surrogates: Sequence[Victim] = ()
    quick: bool = False
    device: str = "auto"
    seed: int = 0
    forwards: float = 0.0
    backwards: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    @property
    def surrogate(self) -> Victim | None:
        """The first of the surrogates; None: there is none."""
        return self.surrogates[0] if self.surrogates else None

    def steps(self, full: int) -> int:
        """Return the steps for an attack that takes `full` in the paper; few in a smoke test."""
        return min(full, 5) if self.quick else full

    def some(self, settings: Sequence[Any]) -> Sequence[Any]:
        """Return the settings of a table; in a smoke test only the first and the last."""
        return [settings[0], settings[-1]] if self.quick and len(settings) > 2 else settings

    @property
    def window(self) -> float:
        """Width of the victim's intensity window, in image units."""
        low, high = self.victim.window or self.cases[0].scan.bounds
        return float(high - low)

    def units(self, epsilon: float, width: float) -> float:
        """Convert a paper's epsilon, on a scale that is `width` wide, to image units."""
        return epsilon * self.window / width

    def attack(self, scan: Scan, attack: Attack, **options: Any) -> Generator[Any, None, Example]:
        """Craft one example, measured from its file, and count its passes."""
        # The papers computed in float32.
        options = {"precision": "float32", **options}
        run = craft_steps(scan, self.victim, attack, device=self.device, seed=self.seed, **options)
        made = yield from run
        self.forwards += made.record["passes"]["forward"]
        self.backwards += made.record["passes"]["backward"]
        return made

    def problem(self, scan: Scan, target: Any = None, truth: Any = None) -> Problem:
        """Return a case as tensors, for tables that follow an attack step by step."""
        request = Request(scan, target, truth)
        problem = problem_of(bind(self.victim, request, device=pick_device(self.device)))
        if not problem.targeted and not problem.moving.any():
            raise SegadvError(f"{scan.name}: its mask marks no structure; remove the case")
        return problem

    def path(
        self, attack: Attack, problem: Problem, look: Callable[[Step], T], views: int = 1
    ) -> list[T]:
        """Follow an attack: pass each image that it shows the victim to `look`, step by step.

        Args:
            attack: the attack to run.
            problem: a problem of one image.
            look: returns what to keep of a step; thousands of images would not fit in memory.
            views: how many images the attack shows in each step after the clean image; `look` gets
                the first of them.

        Returns:
            What `look` returned for each step, the clean image first.
        """
        looks: list[T] = []
        shown = 0

        def spy(images: Tensor) -> Tensor:
            nonlocal shown
            logits = problem.model(images)
            if shown == 0 or (shown - 1) % views == 0:
                noise = (images.detach() - problem.clean).cpu()
                labels = logits.detach().argmax(1)[0].cpu().numpy()
                looks.append(look(Step(len(looks), noise, labels)))
            shown += 1
            self.forwards += 1
            return logits

        outcome = finished(attack.run(replace(problem, model=spy), self.seed))
        self.backwards += outcome.steps
        return looks

    def each(
        self,
        settings: Sequence[Any],
        make: Callable[[Any, Case], Generator[Any, None, Any]],
        name: Callable[[Any], str] = str,
    ) -> Generator[Done, None, list[list[Any]]]:
        """Run `make` for each setting and case; yield progress, return a row for each setting."""
        total, found = len(settings) * len(self.cases), []
        for number, setting in enumerate(settings):
            row = []
            for place, case in enumerate(self.cases):
                yield Done(number * len(self.cases) + place, total, name(setting))
                row.append(finished(make(setting, case)))
            found.append(row)
        return found


def finished(run: Generator[Any, None, Any]) -> Any:
    """Run a generator to its end and return what it returns."""
    while True:
        try:
            next(run)
        except StopIteration as stop:
            return stop.value


def mean(values: Iterable[float]) -> float:
    """Return the mean of at least one value."""
    return fmean(values)


def phantoms(name: str, count: int, first: int = FIRST_SEED) -> list[Case]:
    """Draw phantoms with consecutive seeds, with their correct labels."""
    drawn = [phantom(name, seed) for seed in range(first, first + count)]
    cases = [Case(scan, truth) for scan, truth in drawn if isinstance(truth, Mask)]
    if len(cases) < count:
        raise SegadvError(f"{name}: its phantoms have no label maps; give --cases")
    return cases


def rises(values: Sequence[float]) -> bool:
    """Return whether the last is above the first, and no step falls by over a tenth of the rise."""
    slack = 0.1 * abs(values[-1] - values[0])
    return values[-1] > values[0] and all(b >= a - slack for a, b in pairwise(values))
