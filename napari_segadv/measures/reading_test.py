"""The reading test: which image is shown when, what a reader answers, and what that proves.

"One at a time" is a yes/no experiment, "side by side" a two-alternative forced choice (Green and
Swets, Signal Detection Theory and Psychophysics, 1966; Macmillan and Creelman, Detection Theory:
A User's Guide, 2005).
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binomtest, norm

from ..common.atomic_files import write_text
from ..common.wording import cell, in_percent

ALONE, PAIR = "one at a time", "side by side"
UNALTERED, ALTERED = "unaltered", "altered"
LEFT, RIGHT = "left", "right"
# What a trial can show and a reader can answer; of a pair, the side of the altered image.
ANSWERS = {ALONE: (UNALTERED, ALTERED), PAIR: (LEFT, RIGHT)}
COLUMNS = ("trial", "run", "mode", "shown", "answer", "right", "seconds", "seed")
LEVEL = 0.95


@dataclass(frozen=True)
class Trial:
    """One showing of an image, or of a pair.

    Attributes:
        number: from 1.
        run: index of the run in the set, from 0.
        shown: one of the mode's ANSWERS.
    """

    number: int
    run: int
    shown: str


@dataclass(frozen=True)
class Answer:
    """A reader's answer to a trial, and the seconds that it took."""

    trial: Trial
    said: str
    seconds: float

    @property
    def right(self) -> bool:
        return self.said == self.trial.shown


@dataclass(frozen=True)
class Score:
    """The result of a test.

    Attributes:
        mode: ALONE or PAIR.
        right, answered: numbers of trials.
        share: share of right answers; None if nothing was answered.
        interval: the share's exact 95 % interval (Clopper and Pearson 1934).
        d_prime: how far apart clean and altered images are for the reader, in standard
            deviations, 0 for guessing; None if one of the two was never shown.
    """

    mode: str
    right: int
    answered: int
    share: float | None
    interval: tuple[float, float] | None
    d_prime: float | None

    @property
    def lines(self) -> tuple[str, ...]:
        """The result in words."""
        if self.share is None or self.interval is None:
            return ("nothing was answered",)
        low, high = self.interval
        one, two = (in_percent(correct_at(d, self.mode)) for d in (1, 2))
        verb = "can't be" if low <= 0.5 <= high else "is"
        sensitivity = (
            "d' unknown: clean and altered images must both have been answered"
            if self.d_prime is None
            else f"d' {self.d_prime:.2f} (0: guessing, 1: {one} right, 2: {two})"
        )
        return (
            f"{self.right} of {self.answered} right ({in_percent(self.share)})",
            f"95 % interval {in_percent(low)} to {in_percent(high)}: guessing (50 %) {verb} "
            "excluded",
            sensitivity,
        )


def plan(runs: int, mode: str, seed: int) -> tuple[Trial, ...]:
    """Return the trials for a set of runs, the same for the same seed.

    One at a time: each run's clean and altered image once, shuffled. Side by side: each run once,
    with a separate toss for the altered image's side, so that counting answers does not help.

    Args:
        runs: number of runs.
        mode: ALONE or PAIR.
        seed: 0 to 2**32 - 1.
    """
    # numpy guarantees the stream of this generator across versions, unlike that of newer ones.
    random = np.random.RandomState(seed)
    if mode == ALONE:
        shown = [(run, what) for run in range(runs) for what in ANSWERS[ALONE]]
        random.shuffle(shown)
    else:
        order = random.permutation(runs)
        shown = [(int(run), ANSWERS[PAIR][random.randint(2)]) for run in order]
    return tuple(Trial(number, *what) for number, what in enumerate(shown, start=1))


class Reading:
    """A test in progress: the trials of its plan, one after the other."""

    def __init__(self, names: Sequence[str], mode: str, seed: int) -> None:
        self.names, self.mode, self.seed = tuple(names), mode, seed
        self.trials = plan(len(self.names), mode, seed)
        self.answers: list[Answer] = []

    @property
    def trial(self) -> Trial | None:
        """The trial to answer next; None at the end."""
        done = len(self.answers)
        return self.trials[done] if done < len(self.trials) else None

    def answer(self, said: str, seconds: float) -> None:
        """Store an answer to the current trial and go on to the next."""
        if self.trial is not None:
            self.answers.append(Answer(self.trial, said, seconds))

    @property
    def score(self) -> Score:
        """The result of the answers so far."""
        return score(self.answers, self.mode)


def score(answers: Sequence[Answer], mode: str) -> Score:
    """Compute the share of right answers, its interval and d'."""
    right, answered = sum(a.right for a in answers), len(answers)
    if not answered:
        return Score(mode, 0, 0, None, None, None)
    interval = binomtest(right, answered).proportion_ci(LEVEL, method="exact")
    bounds = (float(interval.low), float(interval.high))
    return Score(mode, right, answered, right / answered, bounds, _d_prime(answers, mode))


def _d_prime(answers: Sequence[Answer], mode: str) -> float | None:
    if mode == PAIR:
        # Green and Swets 1966: with two alternatives the difference has twice the variance.
        return math.sqrt(2) * _z(sum(a.right for a in answers), len(answers))
    of = {w: [a.said == ALTERED for a in answers if a.trial.shown == w] for w in ANSWERS[ALONE]}
    if not all(of.values()):
        return None
    hits, false_alarms = of[ALTERED], of[UNALTERED]
    return _z(sum(hits), len(hits)) - _z(sum(false_alarms), len(false_alarms))


def _z(times: int, of: int) -> float:
    """Return z of a share, finite also at 0 and 1 (log-linear correction, Hautus 1995)."""
    return float(norm.ppf((times + 0.5) / (of + 1)))


def correct_at(d_prime: float, mode: str) -> float:
    """Return the share of right answers of an unbiased reader (Green and Swets 1966)."""
    return float(norm.cdf(d_prime / (math.sqrt(2) if mode == PAIR else 2)))


def trials_csv(reading: Reading) -> str:
    """Return one line for each answered trial; `right` is 1 or 0."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for a in reading.answers:
        name = cell(reading.names[a.trial.run])
        shown = (a.trial.number, name, reading.mode, a.trial.shown)
        lines.writerow((*shown, a.said, int(a.right), f"{a.seconds:.2f}", reading.seed))
    return text.getvalue()


def summary_csv(reading: Reading) -> str:
    """Return the result as one line below a header; unknown values are empty."""
    result = reading.score
    low, high = result.interval or (None, None)
    figures = {"share_right": result.share, "low_95": low, "high_95": high}
    figures["d_prime"] = result.d_prime
    named = {
        "mode": reading.mode,
        "seed": reading.seed,
        "runs": len(reading.names),
        "trials": len(reading.trials),
        "answered": result.answered,
        "right": result.right,
        **{name: "" if value is None else f"{value:.4f}" for name, value in figures.items()},
    }
    text = io.StringIO()
    lines = csv.DictWriter(text, list(named), lineterminator="\n")
    lines.writeheader()
    lines.writerow(named)
    return text.getvalue()


def save(reading: Reading, path: Path) -> tuple[Path, Path]:
    """Write the trials, and beside them `NAME-summary.csv`; return both paths.

    Raises:
        SegadvError: if they can't be written.
    """
    summary = path.with_name(f"{path.stem}-summary.csv")
    write_text(path, trials_csv(reading))
    write_text(summary, summary_csv(reading))
    return path, summary
