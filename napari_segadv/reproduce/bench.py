"""What a reproduction works with (cases, victims, a count of passes), and what it reports."""

import json
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from ..attacks import Attack, Problem
from ..common.device import pick_device
from ..common.generators import finished, relayed
from ..crafting import craft_steps
from ..crafting.binding import bind
from ..crafting.problem import problem_of
from ..crafting.request import Request
from ..data.scan import Array, Scan
from ..errors import SegadvError
from ..io.cases import Case
from ..io.quantise import quantise
from ..results.example import Example
from ..samples import phantom
from ..victims import Victim
from ..victims.scan_tensors import as_array
from .cells import Cell, Cells, hash_of
from .keys import of_case, of_code, of_maker, of_making, of_setting, of_victim
from .real_scan import RealScan, as_file, source_of
from .report import Done

T = TypeVar("T")

# Seed of the first phantom: no victim was trained or measured on phantoms from this seed on.
FIRST_SEED = 30_000
# Seconds between two looks at what other processes compute.
PATIENCE = 0.5
# Widths of the papers' intensity scales: -1 to 1 in Bortsova 2021, 0 to 1 in Ozbulak 2019.
BORTSOVA_WIDTH = 2.0


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


@dataclass
class Bench:
    """Cases and victim of one reproduction, and the work done so far.

    Attributes:
        victim: the victim, attacked and measured.
        cases: scans with their correct labels.
        surrogates: the networks that stand in for the victim in a table of a black box; rows of
            one take the first.
        quick: whether this is a smoke test with few steps, settings and cases.
        cells: keeps what is computed, and shares it with other processes; None: nothing is kept.
        paper: name of the reproduction, for the keys of its cells.
        forwards, backwards, seconds: of all cells so far, whoever computed them.
    """

    victim: Victim
    cases: Sequence[Case]
    surrogates: Sequence[Victim] = ()
    quick: bool = False
    device: str = "auto"
    seed: int = 0
    cells: Cells | None = None
    paper: str = ""
    forwards: float = 0.0
    backwards: float = 0.0
    seconds: float = 0.0

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

    @property
    def rounded(self) -> str:
        """What images are rounded to in their files, for headings."""
        dtype = np.dtype(self.cases[0].scan.storage.dtype)
        return f"{8 * dtype.itemsize} bits" if dtype.kind in "iu" else str(dtype)

    def on(self, scan: Scan, shown_as: Scan) -> Any:
        """Return the victim on a scan, which is presented to it as another one of its kind is."""
        device = pick_device(self.device)
        presented = self.victim.on(getattr(shown_as, "source", shown_as), device).presented
        return self.victim.on(scan, device, presented)

    def predict(self, scan: Scan, shown_as: Scan | None = None) -> Any:
        """Predict a scan; a changed one is presented as the clean one, `shown_as`."""
        return self.on(scan, shown_as or scan).predict()

    def attack(self, scan: Scan, attack: Attack, **options: Any) -> Generator[Any, None, Example]:
        """Craft one example, measured from its file, and count its passes.

        An image of whole numbers is attacked as the product does: the victim sees it rounded in
        each step. For the paper's real numbers, give a `RealScan`.
        """
        # The papers computed in float32.
        options = {"precision": "float32", "present": self._present(scan), **options}
        run = craft_steps(scan, self.victim, attack, device=self.device, seed=self.seed, **options)
        made = yield from run
        self.forwards += made.record["passes"]["forward"]
        self.backwards += made.record["passes"]["backward"]
        return made

    def rounded_prediction(self, made: Example, epsilon: float) -> Any:
        """Return what the victim predicts of a real-number example, rounded as its file would be.

        It is rounded inside the Linf budget, and not attacked again.
        """
        source = source_of(made.clean)
        array = quantise(source, made.adversarial.array, "linf", epsilon)
        return self.predict(replace(source, array=array), source)

    def as_file(self, source: Scan, image: Tensor) -> Scan:
        """Return a changed image (1, C, *S) of real numbers as the source's file would hold it."""
        return as_file(source, as_array(image, source))

    def _present(self, scan: Scan) -> str:
        """Return how a scan is presented, so that a `RealScan` is presented as its source."""
        if not isinstance(scan, RealScan):
            return "auto"
        return "none" if self.on(scan.source, scan.source).presented is None else "auto"

    def problem(
        self, scan: Scan, target: Any = None, truth: Any = None, care: Any = None
    ) -> Problem:
        """Return a case as tensors, for tables that follow an attack step by step."""
        request = Request.of(scan, self.victim, target=target, truth=truth, care=care)
        device = pick_device(self.device)
        setup = bind(self.victim, request, device=device, present=self._present(scan))
        problem = problem_of(setup)
        if not problem.targeted and not problem.moving.any():
            raise SegadvError(f"{scan.name}: its mask marks no structure; remove the case")
        return problem

    def path(
        self, attack: Attack, problem: Problem, look: Callable[[Step], T], views: int = 1
    ) -> list[T]:
        """Follow an attack: pass each image that it shows the victim to `look`, step by step.

        The images are real numbers, which no file rounds.

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
        """Run `make` for each setting and case; yield progress, return a row for each setting.

        Args:
            settings: plain data or dataclasses of it; with a case they determine a cell.
            make: computes the values of a cell, small plain data.
            name: what the progress calls a setting.
        """
        cases = [of_case(case) for case in self.cases]
        count = len(cases)
        found = yield from self.share(
            [
                {"setting": of_setting(setting), "case": case}
                for setting in settings
                for case in cases
            ],
            lambda n: make(settings[n // count], self.cases[n % count]),
            lambda n: name(settings[n // count]),
            make,
        )
        return [found[first : first + count] for first in range(0, len(found), count)]

    def share(
        self,
        keys: Sequence[Mapping[str, Any]],
        make: Callable[[int], Generator[Any, None, Any]],
        name: Callable[[int], str],
        maker: Callable[..., Any] | None = None,
    ) -> Generator[Done, None, list[Any]]:
        """Compute what is not there yet; leave to other processes what they are computing.

        Args:
            keys: of the cells, besides what `key` adds to each.
            make: computes the values of the cell with this number.
            name: what the progress calls it.
            maker: the function whose file computes the cells; None: `make`.

        Returns:
            The values of all cells in order, as they are read from a file.
        """
        common = {**self.key(), "maker": of_maker(maker or make)}
        whole = [{**common, **key} for key in keys]
        done: dict[int, Cell] = {}
        while len(done) < len(whole):
            before = len(done)
            for number in [n for n in range(len(whole)) if n not in done]:
                yield Done(len(done), len(whole), name(number))
                cell = yield from self._cell(whole[number], partial(make, number))
                if cell is not None:
                    done[number] = cell
            if len(done) == before:
                yield Done(len(done), len(whole), "waiting for another process")
                time.sleep(PATIENCE)
        cells = [done[n] for n in range(len(whole))]
        self.forwards += sum(cell.forward for cell in cells)
        self.backwards += sum(cell.backward for cell in cells)
        self.seconds += sum(cell.seconds for cell in cells)
        return [cell.values for cell in cells]

    def add(self, other: "Bench") -> None:
        """Count the work of another bench, of other victims or cases of the same table."""
        self.forwards += other.forwards
        self.backwards += other.backwards
        self.seconds += other.seconds

    @contextmanager
    def folder(self, key: Mapping[str, Any]) -> Iterator[Path]:
        """Give a folder to what takes long and can be resumed; it stays, if cells do."""
        if self.cells is not None:
            yield self.cells.folder / f"part-{hash_of(key)[:32]}"
            return
        with tempfile.TemporaryDirectory(prefix="segadv-") as folder:
            yield Path(folder)

    def key(self) -> dict[str, Any]:
        """Return what determines every cell of this reproduction, besides setting and case."""
        return {
            "paper": self.paper,
            "code": of_code(),
            "making": of_making(self.paper),
            "victim": of_victim(self.victim),
            "surrogates": [of_victim(one) for one in self.surrogates],
            "window": self.window,
            "device": pick_device(self.device),
            "quick": self.quick,
            "seed": self.seed,
        }

    def _cell(
        self, key: Mapping[str, Any], make: Callable[[], Generator[Any, None, Any]]
    ) -> Generator[Done, None, Cell | None]:
        """Return a cell, computed if need be; None if another process is computing it."""
        if self.cells is None:
            return (yield from self._computed(make))
        known = self.cells.get(key)
        if known is not None:
            return known
        with self.cells.claim(key) as mine:
            if not mine:
                return None
            # Another process may have finished it in between.
            known = self.cells.get(key)
            if known is None:
                known = yield from self._computed(make)
                self.cells.put(key, known)
            return known

    def _computed(
        self, make: Callable[[], Generator[Any, None, Any]]
    ) -> Generator[Done, None, Cell]:
        """Compute a cell. Its passes are counted by who uses it, here or in another process."""
        before, started = (self.forwards, self.backwards), time.perf_counter()
        self.forwards = self.backwards = 0.0
        try:
            # An attack's own progress says nothing of the table.
            found = yield from relayed(make(), lambda s: s if isinstance(s, Done) else None)
            # As JSON: a value is the same whether it was computed now or read.
            values = json.loads(json.dumps(found, allow_nan=False))
            cost = (self.forwards, self.backwards)
        finally:
            self.forwards, self.backwards = before
        return Cell(values, *cost, time.perf_counter() - started)


def mean(values: Iterable[float]) -> float:
    """Return the mean of at least one value."""
    return fmean(values)


def spread(values: Sequence[float]) -> str:
    """Return the mean and the standard deviation over cases as a paper prints them."""
    deviation = stdev(values) if len(values) > 1 else 0.0
    return f"{fmean(values):.4g} +- {deviation:.2g}"


def phantoms(name: str, count: int, first: int = FIRST_SEED) -> list[Case]:
    """Draw phantoms with consecutive seeds, with their truth.

    Of a phantom that is graded or has boxes, the mask of a case is a Grade or Boxes.
    """
    return [Case(*phantom(name, seed)) for seed in range(first, first + count)]


def rises(values: Sequence[float]) -> bool:
    """Return whether the last is above the first, and no step falls by over a tenth of the rise."""
    slack = 0.1 * abs(values[-1] - values[0])
    return values[-1] > values[0] and all(b >= a - slack for a, b in pairwise(values))
